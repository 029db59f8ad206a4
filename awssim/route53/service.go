// Package route53 is the part of Amazon Route 53 that names load balancers and validates certificates: hosted zones,
// record sets, changes and tags, one method per action with the SDK client's signature, over the account's state, with
// AWS's validations and error codes. It answers no DNS question, checks no health and holds no state; it imports
// awssim/account, awssim/call, awssim/gate, awssim/apierr and the SDK's types.
package route53

import (
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/hostedzone"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// service is the name of the service at the gate.
const service = "route53"

// Service answers the actions of Route 53.
type Service struct {
	account *account.Account
	entry   call.Entry
}

// New is the service over that account; calls pass g, which may be nil.
func New(a *account.Account, g *gate.Gate) *Service {
	return &Service{account: a, entry: call.Entry{Service: service, Account: a, Gate: g}}
}

func invalid(format string, args ...any) error { return apierr.New("InvalidInput", format, args...) }

// zone finds the hosted zone that a call names, with "/hostedzone/" in front of the id or without.
func (s *Service) zone(id *string) (*hostedzone.Zone, error) {
	name := aws.ToString(id)
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		name = name[i+1:]
	}
	if name == "" || len(name) > 32 {
		return nil, invalid("1 validation error detected: Value at 'id' failed to satisfy constraint: Member must have " +
			"length between 1 and 32")
	}
	z, ok := s.account.HostedZones[name]
	if !ok {
		return nil, apierr.WithStatus(http.StatusNotFound, "NoSuchHostedZone", "No hosted zone found with ID: %s", name)
	}
	return z, nil
}

// pageSize reads a maxitems, which is a number with an upper bound that AWS applies without saying so.
func pageSize(asked *int32, most int) (int, error) {
	switch {
	case asked == nil:
		return most, nil
	case *asked < 1:
		return 0, invalid("1 validation error detected: Value '%d' at 'maxItems' failed to satisfy constraint: Member must "+
			"have value greater than or equal to 1", *asked)
	}
	return min(int(*asked), most), nil
}

func changeInfo(c *hostedzone.Change, a *account.Account) *types.ChangeInfo {
	info := &types.ChangeInfo{Id: aws.String("/change/" + c.ID), Status: types.ChangeStatusPending,
		SubmittedAt: aws.Time(c.Submitted.UTC())}
	if a.InSync(c) {
		info.Status = types.ChangeStatusInsync
	}
	if c.Comment != "" {
		info.Comment = aws.String(c.Comment)
	}
	return info
}
