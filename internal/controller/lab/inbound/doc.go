// Package inbound has tests of rules of security groups of pods and nodes.
package inbound
