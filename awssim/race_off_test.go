//go:build !race

package awssim

// detected is what the race detector adds to what a load balancer costs at rest: nothing, it is off.
const detected = 0
