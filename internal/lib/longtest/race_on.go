//go:build race

package longtest

// Race reports the race detector, which makes code several times slower and its values larger.
const Race = true
