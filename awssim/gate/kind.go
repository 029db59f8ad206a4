package gate

import (
	"maps"
	"net/http"
	"slices"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// kinds are ways to refuse a call that each service words in its own way: AWS General Reference, "Common errors", and
// each service's own list.
var kinds = map[string]func(service string) *apierr.Error{
	"throttled": throttled,
	"denied": wording{
		query:   refusal{http.StatusForbidden, "AccessDenied", "User is not authorized to perform this action"},
		compute: refusal{http.StatusForbidden, "UnauthorizedOperation", "You are not authorized to perform this operation."},
		json:    refusal{http.StatusBadRequest, "AccessDeniedException", "User is not authorized to perform this action"},
	}.of,
	"expired": wording{
		query:   refusal{http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired"},
		compute: refusal{http.StatusBadRequest, "RequestExpired", "Request has expired."},
		json: refusal{http.StatusBadRequest, "ExpiredTokenException",
			"The security token included in the request is expired"},
	}.of,
	"skewed": wording{
		query: refusal{http.StatusForbidden, "SignatureDoesNotMatch",
			"Signature expired: its time is more than 5 minutes from that of the service."},
		compute: refusal{http.StatusBadRequest, "RequestExpired", "Request has expired."},
		json: refusal{http.StatusBadRequest, "InvalidSignatureException",
			"Signature expired: its time is more than 5 minutes from that of the service."},
	}.of,
	"unavailable": wording{
		query: refusal{http.StatusServiceUnavailable, "ServiceUnavailable", "Service Unavailable"},
		compute: refusal{http.StatusServiceUnavailable, "Unavailable",
			"The service is unavailable. Please try again shortly."},
		json: refusal{http.StatusServiceUnavailable, "ServiceUnavailableException",
			"The service is temporarily unavailable."},
	}.of,
	"internal": wording{
		query: refusal{http.StatusInternalServerError, "InternalFailure",
			"The request processing has failed because of an unknown error, exception or failure."},
		compute: refusal{http.StatusInternalServerError, "InternalError", "An internal error has occurred"},
		json: refusal{http.StatusInternalServerError, "InternalFailure",
			"The request processing has failed because of an unknown error, exception or failure."},
	}.of,
	"in-use": wording{
		query:   refusal{http.StatusBadRequest, "ResourceInUse", "The resource is currently in use"},
		compute: refusal{http.StatusBadRequest, "DependencyViolation", "The resource has a dependent object"},
		json:    refusal{http.StatusBadRequest, "ResourceInUseException", "The resource is in use"},
	}.of,
}

// Kinds are the names that Fault.Kind may have.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

type refusal struct {
	status        int
	code, message string
}

// wording is a refusal as each protocol phrases it: those of Elastic Load Balancing, STS and Route 53, those of EC2,
// and those of services that speak JSON.
type wording struct{ query, compute, json refusal }

func (w wording) of(service string) *apierr.Error {
	r := w.json
	switch service {
	case "elasticloadbalancing", "sts", "route53", "iam":
		r = w.query
	case "ec2":
		r = w.compute
	}
	return apierr.WithStatus(r.status, r.code, "%s", r.message)
}
