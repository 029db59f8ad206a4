// Package crdrules holds the rules of our custom resources (CEL, in config/crd) to what the webhooks say, with the API server's own
// evaluator and without a cluster: they are what is left of the webhooks while these are out. It has tests only.
package crdrules
