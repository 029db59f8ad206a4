//go:build race

package awssim

// detected is what the race detector adds to what a load balancer costs at rest, in bytes.
const detected = 6 << 10
