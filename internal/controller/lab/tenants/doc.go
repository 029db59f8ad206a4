// Package tenants has tests of namespaces that share a group, a load balancer or the controller.
package tenants
