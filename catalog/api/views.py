"""Products for API clients. Anyone may read published products; staff write what their permissions allow."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import refusals, services
from catalog.api.errors import DecoderProblem, ImageProblem, StorageProblem
from catalog.api.paging import ProductPages
from catalog.api.permissions import HoldsPermissions, may_see_unpublished
from catalog.api.serializers import ImageSerializer, ImageUploadSerializer, ProductListParameters, ProductSerializer
from catalog.api.strict import NoParameters, Strict, StrictView
from catalog.clients.throttling import SearchThrottle
from catalog.models import Product
from catalog.querysets import ProductQuerySet
from catalog.search import misses
from catalog.search.finding import find
from ml.pictures.codec import ImageRejected
from ml.pictures.decoding import DecoderUnavailable


class ProductViewSet(
    StrictView, mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.CreateModelMixin, viewsets.GenericViewSet
):
    serializer_class = ProductSerializer
    permission_classes = [HoldsPermissions]
    permissions_needed = {"create": ("catalog.add_product",), "images": ("catalog.add_productimage",)}
    pagination_class = ProductPages
    lookup_field = "slug"

    def get_throttles(self) -> list[Any]:
        searches = self.action == "list" and "q" in self.request.query_params
        return [SearchThrottle()] if searches else super().get_throttles()

    def get_queryset(self) -> ProductQuerySet:
        products = Product.objects.for_page()
        return products if may_see_unpublished(self.request) else products.published()

    def get_parameters_class(self) -> type[Strict]:
        return ProductListParameters if self.action == "list" else NoParameters

    def filter_queryset(self, products: Any) -> Any:
        asked = self.parameters.validated_data
        if "category" in asked:
            products = products.in_subtree(asked["category"])
        for name, lookup in (("brand", "brand"), ("price_min", "price__gte"), ("price_max", "price__lte")):
            if name in asked:
                products = products.filter(**{lookup: asked[name]})
        return products

    @extend_schema(parameters=[ProductListParameters])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List published products, newest first, or search them, best first. Staff also see unpublished ones."""
        asked = self.parameters.validated_data
        if "q" not in asked:
            return super().list(request, *args, **kwargs)
        visible = self.get_queryset()
        pages: ProductPages = self.paginator  # type: ignore[assignment]
        products = self.filter_queryset(visible)
        found = find(
            asked["q"], pages.of_today(products, request), visible=visible if products is not visible else None
        )
        if found.missed and "cursor" not in asked and not request.user.is_staff:
            misses.note(asked["q"])
        page = pages.paginate_found(found, products, request, self)
        return pages.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Retrieve a product."""
        return super().retrieve(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create a product."""
        return super().create(request, *args, **kwargs)

    @extend_schema(request={"multipart/form-data": ImageUploadSerializer}, responses={201: ImageSerializer})
    @action(methods=["post"], detail=True, parser_classes=[MultiPartParser], pagination_class=None)
    def images(self, request: Request, slug: str) -> Response:
        """Attach a picture to a product. It becomes searchable within seconds."""
        upload = ImageUploadSerializer(data=request.data)
        upload.is_valid(raise_exception=True)
        try:
            image = services.add_image(
                product=self.get_object(),
                data=services.read_upload(upload.validated_data["file"], door=refusals.API_UPLOAD),
                alt=upload.validated_data["alt"],
                door=refusals.API_UPLOAD,
            )
        except Product.DoesNotExist as error:  # deleted while the picture was decoded
            raise NotFound from error
        except ImageRejected as error:
            raise ImageProblem(error) from error
        except DecoderUnavailable as error:
            raise DecoderProblem(error) from error
        except services.StorageUnavailable as error:
            raise StorageProblem(str(error)) from error
        return Response(ImageSerializer(image, context=self.get_serializer_context()).data, status=201)
