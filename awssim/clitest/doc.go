// Package clitest is only tests: AWS's own command line against the simulator, as an independent witness that the wire formats,
// signatures, errors, pages and waiters are AWS's and not merely those of Go's SDK. It may import all of awssim.
package clitest
