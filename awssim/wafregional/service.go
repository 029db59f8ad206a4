// Package wafregional is the part of AWS WAF Classic for regional resources that load balancers use: web ACLs without rules, and
// their associations, one method per action with the SDK client's signature, over the account's state. In regions that never
// had the service nothing answers. It imports awssim/account, awssim/call, awssim/gate, awssim/apierr and the SDK's types.
package wafregional

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// service is the name of the service at the gate.
const service = "waf-regional"

// regions are those that have endpoints (AWS General Reference, "AWS WAF Classic endpoints").
var regions = []string{
	"af-south-1", "ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2",
	"ap-southeast-3", "ap-southeast-4", "ca-central-1", "cn-north-1", "cn-northwest-1", "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1",
	"eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1", "me-central-1", "me-south-1", "sa-east-1", "us-east-1", "us-east-2",
	"us-gov-east-1", "us-gov-west-1", "us-west-1", "us-west-2",
}

// Service answers the actions of WAF Regional.
type Service struct {
	account *account.Account
	entry   call.Entry
}

// New is the service over that account; calls pass g, which may be nil.
func New(a *account.Account, g *gate.Gate) *Service {
	return &Service{account: a, entry: call.Entry{Service: service, Account: a, Gate: g}}
}

// inRegion is f where WAF Regional is: in other regions there is no such host.
func inRegion[I, O any](s *Service, f func(*I) (*O, error)) func(*I) (*O, error) {
	return func(in *I) (*O, error) {
		if !slices.Contains(regions, s.account.Region) {
			return nil, gate.ErrDropped
		}
		return f(in)
	}
}

// read passes one call that changes nothing.
func read[I, O any](ctx context.Context, s *Service, action string, in *I, f func(*I) (*O, error)) (*O, error) {
	return call.Read(ctx, s.entry, action, in, inRegion(s, f))
}

// write passes one call that changes the state.
func write[I, O any](ctx context.Context, s *Service, action string, in *I, f func(*I) (*O, error)) (*O, error) {
	return call.Write(ctx, s.entry, action, in, inRegion(s, f))
}

func invalid(field, parameter, reason string) error {
	return apierr.New("WAFInvalidParameterException", "Error reason: %s, field: %s, parameter: %s", reason, field, parameter)
}

func nonexistent() error {
	return apierr.New("WAFNonexistentItemException", "The referenced item does not exist.")
}

// resource finds the application load balancer that a call names, nil if it does not exist.
func (s *Service) resource(arn *string) (*account.LoadBalancer, error) {
	name := aws.ToString(arn)
	if !strings.Contains(name, ":elasticloadbalancing:") || !strings.Contains(name, ":loadbalancer/app/") {
		return nil, invalid("RESOURCE_ARN", name, "ILLEGAL_ARGUMENT")
	}
	return s.account.LoadBalancers[name], nil
}
