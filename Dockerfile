# An image that loads PostgreSQL and builds the models: Meltano with the tap, a loader
# and dbt. docs/deployment.md says how to run it.
#
# A test takes its steps one by one, without an engine. The tag names a version of
# Python and of Debian: pin the digest too in production.
FROM python:3.13-slim-trixie

RUN useradd --create-home --home-dir /project --uid 10001 tap \
    && install --directory --owner=tap --group=tap /meltano /var/lib/tap-cc-clicks
COPY requirements/uv.txt /tmp/
RUN pip install --no-cache-dir --requirement /tmp/uv.txt

USER 10001
WORKDIR /project
ENV PATH=/meltano/bin:$PATH UV_NO_CACHE=1 MELTANO_ENVIRONMENT=prod
COPY --chown=10001 requirements/meltano.txt requirements/
RUN uv venv /meltano \
    && uv pip install --python /meltano --requirement requirements/meltano.txt
COPY --chown=10001 pyproject.toml README.md LICENSE meltano.yml ./
COPY --chown=10001 requirements requirements
COPY --chown=10001 tap_cc_clicks tap_cc_clicks
COPY --chown=10001 catalog catalog
COPY --chown=10001 transform transform
RUN UV_CONSTRAINT=requirements/image.txt meltano install extractor tap-cc-clicks \
    && UV_CONSTRAINT=requirements/targets.txt meltano install loader target-postgres \
    && meltano install utility dbt-postgres

# Where refresh tokens that rotate are kept: they must outlive the container.
ENV XDG_STATE_HOME=/var/lib
VOLUME /var/lib/tap-cc-clicks
ENTRYPOINT ["meltano"]
CMD ["run", "clicks-to-postgres-models"]
