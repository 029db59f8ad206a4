//go:build race

package console_test

// instrumented reports the race detector, which makes code several times slower.
const instrumented = true
