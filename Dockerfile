# The image of KV-Cache: the built program on Node, run by a user without rights. It serves by default; whatever is
# said after the image's name is said to the program: docker run IMAGE loadtest --host ...

FROM node:24-slim AS build
WORKDIR /build
# What seldom changes comes first: a change to the sources does not install the dependencies again. No scripts: the only
# one is the build, which needs the sources.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build

FROM node:24-slim
ARG VERSION=dev
LABEL org.opencontainers.image.title="KV-Cache" \
      org.opencontainers.image.description="An in-memory key-value cache server with TTL and LRU eviction" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION"

# All of the program is the first of these files. It is named .mjs because no package.json beside it says that it is a module.
COPY --from=build /build/dist/main.js /app/main.mjs
COPY --from=build /build/scripts/healthcheck.sh /app/healthcheck.sh

# A container's own loopback is reachable by nobody: inside one, the server listens on every address. So it does not start
# without a password (-e KV_CACHE_PASSWORD=...) and says what else there is. It cannot know who reaches it: other containers
# of its network do, and -p publishes it on all addresses of the machine.
ENV NODE_ENV=production \
    KV_CACHE_HOST=0.0.0.0 \
    KV_CACHE_PORT=7171
EXPOSE 7171
USER node
STOPSIGNAL SIGTERM

# Asks the admin port if there is one, or else the server itself, without starting a Node process.
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s --retries=3 CMD ["/app/healthcheck.sh"]

# Node itself is process 1 (no shell, no npm in between), so SIGTERM reaches the server.
# And SIGUSR1 opens no inspector, not even before the program has begun.
ENTRYPOINT ["node", "--disable-sigusr1", "/app/main.mjs"]
CMD ["serve"]
