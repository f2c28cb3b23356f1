// Package repotest holds the rules of the house as tests, and nothing else: how long a file and a function may be, who may
// import whom, where time may be read, and that the manifest, the modules, the configurations and the documents agree with
// the code. A rule that a linter knows stands in .golangci.yml instead.
//
// A failure names the file, the rule and why the rule is there. A breach is a question about the design, so there is no
// way to waive one.
package repotest
