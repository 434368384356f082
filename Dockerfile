# Two images. `web` serves the pages and the API, and also runs migrations and the scheduler. `worker` adds
# TensorFlow, for training, and onnx, which exports networks. docker-compose.yml builds and runs both.
FROM python:3.11-slim AS base

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    VAR_DIR=/var/lib/lookalike

# A new volume inherits the owner of the folder it is mounted on. The shop can write only here.
RUN groupadd --gid 10001 lookalike \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir "$VAR_DIR" --shell /usr/sbin/nologin lookalike \
 && install --directory --owner=10001 --group=10001 "$VAR_DIR" "$VAR_DIR/cache" "$VAR_DIR/media"

WORKDIR /app
ENTRYPOINT ["python", "-m", "shop"]


FROM base AS source

COPY manage.py LICENSE ./
COPY shop shop/
COPY common common/
COPY catalog catalog/
COPY recommendations recommendations/
COPY ml ml/
COPY locale locale/
COPY templates templates/
COPY static static/
# Files keep the modes of the checkout, which a strict umask may have closed to the shop's user.
RUN chmod -R a+rX . && python -m compileall -q --invalidation-mode unchecked-hash .


FROM base AS web

COPY requirements/web.txt /tmp/requirements.txt
RUN pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r /tmp/requirements.txt
COPY --from=source /app ./
RUN pybabel --quiet compile --domain django --directory locale
ENV STATIC_ROOT=/app/staticfiles
RUN SECRET_KEY=only-for-this-build python manage.py collectstatic --noinput

USER 10001:10001
EXPOSE 8000
# Uses the name localhost, which docker-compose.yml keeps in ALLOWED_HOSTS.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://localhost:8000/healthz', timeout=4)"]
CMD ["web", "--bind", "0.0.0.0:8000"]


FROM base AS worker

COPY requirements/worker.txt /tmp/requirements.txt
RUN pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r /tmp/requirements.txt
COPY --from=source /app ./
RUN pybabel --quiet compile --domain django --directory locale

USER 10001:10001
CMD ["worker"]
