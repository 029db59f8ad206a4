//go:build !race

package growth

// Race reports the race detector, which makes values larger and empties pools at random.
const Race = false
