"""Search and strips for API clients."""

from __future__ import annotations

import logging

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog import refusals
from catalog.api.errors import DecoderProblem, ImageProblem
from catalog.api.strict import StrictView
from catalog.clients.throttling import SearchThrottle
from catalog.models import Product
from catalog.services import read_upload
from ml.pictures.codec import ImageRejected
from ml.pictures.decoding import DecoderUnavailable
from recommendations.api.serializers import (
    PhotoParameters,
    ResultsSerializer,
    SimilarParameters,
    StripParameters,
    StripSerializer,
)
from recommendations.lifecycle.artifacts import UNAVAILABLE, ModelUnavailable
from recommendations.search.query_vectors import NoColourPart
from recommendations.search.results import Results
from recommendations.search.service import find_similar, search_photo
from recommendations.search.throttling import PhotoSearchThrottle
from recommendations.strips.cards import Cards
from recommendations.strips.product_strip import product_strip

logger = logging.getLogger(__name__)


class ModelProblem(APIException):
    status_code = 503
    default_code = "model_unavailable"
    default_detail = UNAVAILABLE


class SimilarProductsView(StrictView, APIView):
    permission_classes = [AllowAny]
    parameters_class = SimilarParameters
    throttle_classes = [SearchThrottle]

    @extend_schema(parameters=[SimilarParameters], responses=ResultsSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """The products that look most like this one, best first. Fewer than `limit` only if fewer exist."""
        product = get_object_or_404(Product.objects.published(), slug=slug)
        try:
            results = find_similar(product, self.parameters.search_request)
        except NoColourPart as error:
            raise ParseError(str(error), "no_colour_part") from error
        return _answer(request, results)


class StripView(StrictView, APIView):
    permission_classes = [AllowAny]
    parameters_class = StripParameters
    throttle_classes = [SearchThrottle]

    @extend_schema(parameters=[StripParameters], responses=StripSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """The cards on this product's page: pins, look-alikes, then other products of its category and the newest."""
        product = get_object_or_404(Product.objects.published().select_related("category"), slug=slug)
        return _answer(request, product_strip(product, self.parameters.cards))


class PhotoSearchView(StrictView, APIView):
    permission_classes = [AllowAny]
    parser_classes = [MultiPartParser]
    throttle_classes = [PhotoSearchThrottle]

    @extend_schema(request={"multipart/form-data": PhotoParameters}, responses=ResultsSerializer)
    def post(self, request: Request) -> Response:
        """The products that look most like a photo. The photo is used for this search only and is not stored."""
        if len(request.FILES.getlist("photo")) > 1:
            raise ParseError("Send one photo.", "several_photos")
        parameters = PhotoParameters(data=request.data)
        parameters.is_valid(raise_exception=True)
        try:
            data = read_upload(parameters.validated_data["photo"], door=refusals.API_SEARCH)
            results = search_photo(data, parameters.search_request, door=refusals.API_SEARCH)
        except ImageRejected as error:
            raise ImageProblem(error) from error
        except NoColourPart as error:
            raise ParseError(str(error), "no_colour_part") from error
        except ModelUnavailable as error:
            logger.error("%s", error)
            raise ModelProblem from error
        except DecoderUnavailable as error:
            raise DecoderProblem(error) from error
        return _answer(request, results)


def _answer(request: Request, results: Results) -> Response:
    body = results.to_json()
    if isinstance(results, Cards):
        for entry, card in zip(body["results"], results.matches, strict=True):
            entry["colours"] = card.colours
    above = body.get("above_budget")
    for entry in [*body["results"], *([above["nearest"]] if above else [])]:
        if entry["image"]:
            entry["image"] = request.build_absolute_uri(entry["image"])
    return Response(body)
