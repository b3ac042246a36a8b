# An image that runs the tap. Settings come from the environment or a mounted file:
#
#   docker build -t tap-cc-clicks .
#   docker run --rm --env-file .env -v tap-cc-clicks:/var/lib/tap-cc-clicks \
#     tap-cc-clicks --config=ENV
#
# No test of this repository builds it: they need no engine. The tag names a version of
# Python and of Debian; whoever builds for production pins the digest too.
FROM python:3.13-slim-trixie AS build

WORKDIR /source
COPY pyproject.toml README.md LICENSE requirements/image.txt ./
COPY tap_cc_clicks ./tap_cc_clicks
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --constraint image.txt .

FROM python:3.13-slim-trixie

RUN useradd --create-home --home-dir /app --uid 10001 tap \
    && install --directory --owner=tap --group=tap /var/lib/tap-cc-clicks
COPY --from=build /venv /venv

# Where refresh tokens that rotate are kept: they must outlive the container.
ENV PATH=/venv/bin:$PATH XDG_STATE_HOME=/var/lib
VOLUME /var/lib/tap-cc-clicks
USER 10001
WORKDIR /app
ENTRYPOINT ["tap-cc-clicks"]
CMD ["--help"]
