"""Look-alikes for API clients."""

from __future__ import annotations

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.api.errors import ImageProblem
from catalog.models import Product
from catalog.services import read_upload
from ml.images import ImageRejected
from recommendations.api.serializers import (
    PhotoParameters,
    ResultsSerializer,
    SearchParameters,
    StripParameters,
    StripSerializer,
)
from recommendations.graphs import ModelUnavailable
from recommendations.queries import NoColourPart
from recommendations.search import Results, search_photo, similar_products
from recommendations.strips import product_strip
from recommendations.throttling import PhotoSearchThrottle


class ModelProblem(APIException):
    status_code = 503
    default_code = "model_unavailable"


class SimilarProductsView(APIView):
    permission_classes = [AllowAny]

    @extend_schema(parameters=[SearchParameters], responses=ResultsSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """The products that look most like this one, best first; fewer only if fewer exist."""
        parameters = SearchParameters(data=request.query_params)
        parameters.is_valid(raise_exception=True)
        product = Product.objects.published().filter(slug=slug).first()
        if product is None:
            raise Http404
        try:
            return _answer(request, similar_products(product, parameters.wish))
        except NoColourPart as error:
            raise ParseError(str(error), "no_colour_part") from error


class StripView(APIView):
    permission_classes = [AllowAny]

    @extend_schema(parameters=[StripParameters], responses=StripSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """The cards that the page of this product shows: pins, look-alikes, and what is near at hand."""
        parameters = StripParameters(data=request.query_params)
        parameters.is_valid(raise_exception=True)
        product = Product.objects.published().select_related("category").filter(slug=slug).first()
        if product is None:
            raise Http404
        return _answer(request, product_strip(product, parameters.cards), cards=True)


class PhotoSearchView(APIView):
    permission_classes = [AllowAny]
    parser_classes = [MultiPartParser]
    throttle_classes = [PhotoSearchThrottle]

    @extend_schema(request={"multipart/form-data": PhotoParameters}, responses=ResultsSerializer)
    def post(self, request: Request) -> Response:
        """The products that look most like a photo. The photo is searched with and forgotten."""
        parameters = PhotoParameters(data=request.data)
        parameters.is_valid(raise_exception=True)
        if len(request.FILES.getlist("photo")) > 1:
            raise ParseError("Send one photo.", "several_photos")
        try:
            data = read_upload(parameters.validated_data["photo"])
            results = search_photo(data, parameters.wish)
        except ImageRejected as error:
            raise ImageProblem(error) from error
        except NoColourPart as error:
            raise ParseError(str(error), "no_colour_part") from error
        except ModelUnavailable as error:
            raise ModelProblem(str(error)) from error
        return _answer(request, results)


def _answer(request: Request, results: Results, *, cards: bool = False) -> Response:
    body = results.to_json()
    if cards:
        for entry, match in zip(body["results"], results.matches, strict=True):
            entry["colours"] = match.colours
    above = body.get("above_budget")
    for entry in [*body["results"], *([above["nearest"]] if above else [])]:
        if entry["image"]:
            entry["image"] = request.build_absolute_uri(entry["image"])
    return Response(body)
