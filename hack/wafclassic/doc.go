// Package wafclassic keeps WAF Classic in a place of its own, and its deletion as decision 16 writes it down possible. It has tests only.
package wafclassic
