// Package repotest holds tests of the repository as a whole: which files are
// built, which packages say what they are for, and what depends on what.
package repotest
