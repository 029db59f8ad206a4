// Package ingresses has tests of load balancers of Ingresses and Services.
package ingresses
