"""Products for API clients. Anyone may read what is published; staff write."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import refusals, services
from catalog.api.errors import DecoderProblem, ImageProblem, StorageProblem
from catalog.api.serializers import ImageSerializer, ImageUploadSerializer, ProductSerializer
from catalog.models import Category, Product
from ml.decoding import DecoderUnavailable
from ml.images import ImageRejected


class ReadOrStaff(BasePermission):
    def has_permission(self, request: Request, view: object) -> bool:
        return request.method in SAFE_METHODS or bool(request.user and request.user.is_staff)


class ProductFilter(django_filters.FilterSet):
    category = django_filters.CharFilter(method="in_category", label="Category address, with all below it")
    price_min = django_filters.NumberFilter("price", "gte", min_value=0, max_digits=10, decimal_places=2)
    price_max = django_filters.NumberFilter("price", "lte", min_value=0, max_digits=10, decimal_places=2)
    q = django_filters.CharFilter(method="matching", label="Full-text search", max_length=200)

    class Meta:
        model = Product
        fields = ["category", "price_min", "price_max", "q", "brand"]

    def in_category(self, products: QuerySet[Product], name: str, address: str) -> QuerySet[Product]:
        category = Category.objects.filter(address=address).first()
        return Product.objects.none() if category is None else products.filter(category__path__startswith=category.path)

    def matching(self, products: QuerySet[Product], name: str, text: str) -> QuerySet[Product]:
        return products & Product.objects.matching(text.replace("\0", ""))


class NewestFirst(CursorPagination):
    ordering = "-id"
    page_size_query_param = "limit"
    max_page_size = 100

    def decode_cursor(self, request: Request) -> Any:
        cursor = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None and not str(cursor.position).isdecimal():
            raise NotFound("Invalid cursor")
        return cursor


class ProductViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.CreateModelMixin, viewsets.GenericViewSet
):
    serializer_class = ProductSerializer
    permission_classes = [ReadOrStaff]
    pagination_class = NewestFirst
    filterset_class = ProductFilter
    lookup_field = "slug"

    def get_queryset(self) -> QuerySet[Product]:
        products = Product.objects.for_page()
        return products if self.request.user.is_staff else products.published()

    @extend_schema(request={"multipart/form-data": ImageUploadSerializer}, responses={201: ImageSerializer})
    @action(methods=["post"], detail=True, parser_classes=[MultiPartParser], pagination_class=None)
    def images(self, request: Request, slug: str) -> Response:
        """Attach a picture to a product. It becomes searchable in the background within seconds."""
        upload = ImageUploadSerializer(data=request.data)
        upload.is_valid(raise_exception=True)
        try:
            image = services.add_image(
                product=self.get_object(),
                data=services.read_upload(upload.validated_data["file"], door=refusals.API_UPLOAD),
                alt=upload.validated_data["alt"],
                door=refusals.API_UPLOAD,
            )
        except ImageRejected as error:
            raise ImageProblem(error) from error
        except DecoderUnavailable as error:
            raise DecoderProblem(str(error)) from error
        except services.StorageUnavailable as error:
            raise StorageProblem(str(error)) from error
        return Response(ImageSerializer(image, context=self.get_serializer_context()).data, status=201)
