// Package failedread has the ways in which reads of AWS fail, for tests of what failed reads take away.
package failedread

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// The ways that the gate of the simulator does not have.
const (
	hanging    = "hanging"
	pageFails  = "second page fails"
	tokenFails = "page token expires" // a new list cures it: AWS refuses the call as invalid
)

// Ways are the ways in which a read of AWS fails.
func Ways() []string {
	return []string{"denied", "empty", "empty once", "expired", "failing", "failing once", hanging, tokenFails, "partial",
		pageFails, "stale", "throttled"}
}

// Fault is the fault by which a read fails in a way. is reports that the gate of the simulator has the way.
func Fault(permission, way string) (f gate.Fault, is bool) {
	switch way {
	case "denied":
		f = Denying(permission)
	case "empty":
		f = gate.Fault{Empty: true}
	case "empty once":
		f = gate.Fault{Empty: true, Times: 1}
	case "expired":
		f = expired(permission)
	case "failing":
		f = gate.Fault{Code: failure(permission), Status: 500}
	case "failing once": // the next call of the same pass succeeds
		f = gate.Fault{Code: failure(permission), Status: 500, Times: 1}
	case "partial":
		f = gate.Fault{Partial: true}
	case "stale":
		f = gate.Fault{Stale: time.Hour}
	case "throttled":
		f = gate.Fault{Kind: "throttled"}
	default:
		return f, false
	}
	f.Service, f.Action, _ = strings.Cut(permission, ":")
	if f.Service == "tag" {
		f.Service = "tagging"
	}
	return f, true
}

// Denying is the fault by which AWS denies an action.
func Denying(permission string) gate.Fault {
	f := gate.Fault{Code: "AccessDenied", Status: 403,
		Message: "User: arn:aws:sts::123456789012:assumed-role/lbc/1 is not authorized to perform: " + permission}
	switch service, _, _ := strings.Cut(permission, ":"); service {
	case "ec2":
		f.Code = "UnauthorizedOperation"
	case accelerators:
		f.Code = "AccessDeniedException"
	}
	return f
}

// accelerators is the service of Global Accelerator.
const accelerators = "globalaccelerator"

// failure is the code of a failure of AWS.
func failure(permission string) string {
	if strings.HasPrefix(permission, accelerators) {
		return "InternalServiceErrorException"
	}
	return "InternalFailure"
}

// expired is the answer to an expired token. Services whose answers are JSON name it as an exception.
func expired(permission string) gate.Fault {
	f := gate.Fault{Code: "ExpiredTokenException", Status: 403}
	if service, _, _ := strings.Cut(permission, ":"); service == "elasticloadbalancing" || service == "sts" {
		f.Code = "ExpiredToken"
	}
	return f
}

// Believed reports whether AWS's wrong answer is a success, which the controller believes until it reads again.
func Believed(way string) bool {
	return slices.Contains([]string{"empty", "empty once", "partial", "stale"}, way)
}

// Paged reports whether only reads of a page after the first fail.
func Paged(way string) bool { return way == pageFails || way == tokenFails }

// Error is how a call fails in a way that the gate of the simulator does not have.
func Error(way, permission string) error {
	switch {
	case way == tokenFails && strings.HasPrefix(permission, accelerators):
		return apierr.WithStatus(400, "InvalidNextTokenException", "The pagination token is not valid or has expired")
	case way == tokenFails:
		return apierr.WithStatus(400, "ValidationError", "The pagination token is not valid or has expired")
	case way == pageFails:
		return apierr.WithStatus(500, "InternalFailure", "the second page fails")
	}
	return context.DeadlineExceeded
}

// AnotherPage reports whether a request of AWS's SDK names a page after the first.
func AnotherPage(in any) bool {
	v := reflect.Indirect(reflect.ValueOf(in))
	return v.Kind() == reflect.Struct && slices.ContainsFunc([]string{"Marker", "NextMarker", "NextToken",
		"PaginationToken", "StartingToken"}, func(name string) bool {
		f := reflect.Indirect(v.FieldByName(name))
		return f.Kind() == reflect.String && f.String() != ""
	})
}
