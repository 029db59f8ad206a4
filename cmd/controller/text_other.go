//go:build !linux

package main

// unmapBinary does nothing: other systems than Linux have no common way.
func unmapBinary() {}
