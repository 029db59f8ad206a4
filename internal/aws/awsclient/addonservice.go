package awsclient

import (
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// addOnService is a service that is called only if an object asks for an add-on of it.
type addOnService struct {
	id    string
	codes map[string]diag.Class // of errors that no other service has
	// connect adds the client; endpoint is nil where none is given.
	connect func(c *Clients, cfg aws.Config, endpoint *string)
	// family is the token bucket of an operation; nil = one of the usual size for each.
	family func(operation string) apiFamily
}

// addOnServices are the services of add-ons.
var addOnServices = []addOnService{
	wafv2Service,
	shieldService,
	acceleratorService,
}

// withAddOns completes a table by the rows of the services of add-ons.
func withAddOns[V any](table map[string]V, rows func(addOnService) map[string]V) map[string]V {
	for _, s := range addOnServices {
		maps.Copy(table, rows(s))
	}
	return table
}
