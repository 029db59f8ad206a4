// Command playground runs a Kubernetes cluster, a simulated AWS account and the load balancer controller on one machine.
package main

import _ "github.com/k8s-lbc/lbc/playground/controlplane"

func main() {}
