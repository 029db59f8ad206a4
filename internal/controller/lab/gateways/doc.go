// Package gateways has tests of Gateways, their routes and configurations.
package gateways
