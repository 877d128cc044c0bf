/** What the server says to Redis clients that it is: they ask it to know which commands there are. */
export const REDIS_NAME = "redis"
export const REDIS_VERSION = "7.4.0"
