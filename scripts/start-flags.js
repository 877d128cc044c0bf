/** Prints the flags that `npm start` gives to Node: SIGUSR1 shall open no inspector. Node 20 does not know the flag. */
const flag = "--disable-sigusr1"

console.log(process.allowedNodeEnvironmentFlags.has(flag) ? flag : "")
