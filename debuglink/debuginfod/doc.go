// Package debuginfod fetches debug files by build-id from debuginfod servers,
// and shares elfutils' cache of them.
//
// A debuginfod server answers GET BASE/buildid/HEX/debuginfo with the separate
// debug file whose build-id is HEX, and .../executable with what it belongs to.
// Distributions run such servers for their packages; $DEBUGINFOD_URLS lists
// them, separated by blanks. What arrives is kept in a directory that GDB,
// perf, valgrind and elfutils' own programs use too, so what one of them has
// fetched the others need not.
//
// Nothing here is used unless a program asks for it: pass a *Client as
// debuglink.Options.Fetcher. Package debuglink does not import this one, nor
// net/http.
//
// # The cache
//
// It is laid out as elfutils 0.188 and later do (debuginfod/debuginfod-client.c
// there, and debuginfod-client-config(7)):
//
//	ROOT/cache_clean_interval_s     "86400": seconds between two cleanings, the last at its mtime
//	ROOT/max_unused_age_s           "604800": cleaning removes what nobody has read for so long
//	ROOT/cache_miss_s               "600": how long a miss is remembered
//	ROOT/HEX/debuginfo              the file, mode 0400; its mtime is the server's
//	ROOT/HEX/executable
//	ROOT/HEX/debuginfo.XXXXXX       on its way; renamed when it is whole and verified
//
// An entry of no bytes says that no server had the file at its mtime. ROOT is
// $DEBUGINFOD_CACHE_PATH; else $HOME/.debuginfod_client_cache if that exists;
// else $XDG_CACHE_HOME/debuginfod_client, by default $HOME/.cache. ROOT/HEX has
// mode 0700.
//
// # Where we differ from elfutils
//
// What arrives must be an ELF file with the build-id that was asked for;
// elfutils believes the server. So must what is read from the cache, else it is
// fetched again. Only 404 from every server makes a miss that is remembered: a
// server that is broken or out of reach (500, 503) may have the file tomorrow.
// A size without a limit is limited all the same, to DefaultMaxSize.
// Signatures by the IMA scheme ("ima:enforcing" in $DEBUGINFOD_URLS) are not
// checked, as in an elfutils built without them; Client.Log says so.
package debuginfod
