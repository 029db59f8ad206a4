package awsclient

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Resolve gives the ARN or group id behind a reference of an operation.
type Resolve func(stack.Ref) string

// Write sends one operation to AWS. The operations on TargetGroupBindings are not AWS's, and AwaitTargets writes
// nothing: they are an error. The error is for Classify, and has no secrets.
func Write(ctx context.Context, c Clients, op plan.Operation, resolve Resolve) (awsop.Output, error) {
	s := sender{c: c, resolve: resolve}
	s.refuse(op)
	writes.send(&s, op)
	ctx = withSecrets(ctx, s.secrets)
	out, err := s.send(ctx) // the last line before AWS: the SDK's client, with the Limiter as a middleware
	return out, withoutSecrets(ctx, err)
}

// routes are the methods that make the requests of operations, by the type of the operation. S is what makes them.
type routes[S any] map[reflect.Type]func(*S, plan.Operation)

func (r routes[S]) send(s *S, op plan.Operation) {
	if send := r[reflect.TypeOf(op)]; send != nil {
		send(s, op)
	}
}

// route is one of routes.
type route[S any] struct {
	op   reflect.Type
	send func(*S, plan.Operation)
}

func by[S any, O plan.Operation](send func(*S, O)) route[S] {
	return route[S]{reflect.TypeFor[O](), func(s *S, op plan.Operation) {
		if op, ok := op.(O); ok {
			send(s, op)
		}
	}}
}

func routesOf[S any](all ...route[S]) routes[S] {
	out := routes[S]{}
	for _, r := range all {
		out[r.op] = r.send
	}
	return out
}

var writes = routesOf(
	by((*sender).CreateSecurityGroup), by((*sender).AuthorizeSecurityGroupIngress),
	by((*sender).RevokeSecurityGroupIngress), by((*sender).DeleteSecurityGroup),
	by((*sender).CreateTags), by((*sender).DeleteTags), by((*sender).AddTags), by((*sender).RemoveTags),
	by((*sender).CreateTargetGroup), by((*sender).ModifyTargetGroup), by((*sender).ModifyTargetGroupAttributes),
	by((*sender).DeleteTargetGroup), by((*sender).RegisterTargets), by((*sender).DeregisterTargets),
	by((*sender).RegisterLoadBalancer), by((*sender).DeregisterLoadBalancer),
	by((*sender).CreateLoadBalancer), by((*sender).SetSecurityGroups), by((*sender).SetSubnets),
	by((*sender).SetIpAddressType), by((*sender).ModifyLoadBalancerAttributes), by((*sender).ModifyIpPools),
	by((*sender).ModifyCapacityReservation), by((*sender).DeleteLoadBalancer),
	by((*sender).AssociateWebACL), by((*sender).DisassociateWebACL), by((*sender).CreateProtection),
	by((*sender).DeleteProtection),
	by((*sender).CreateListener), by((*sender).ModifyListener), by((*sender).ModifyListenerAttributes),
	by((*sender).AddListenerCertificates), by((*sender).RemoveListenerCertificates), by((*sender).DeleteListener),
	by((*sender).CreateRule), by((*sender).ModifyRule), by((*sender).SetRulePriorities), by((*sender).DeleteRule),
	by((*sender).RequestCertificate), by((*sender).ImportCertificate), by((*sender).AddTagsToCertificate),
	by((*sender).DeleteCertificate), by((*sender).PublishValidation), by((*sender).WithdrawValidation),
	by((*sender).PutObject), by((*sender).DeleteObject), by((*sender).CreateTrustStore),
	by((*sender).ModifyTrustStore), by((*sender).DeleteTrustStore),
)

// sender builds the request of an operation. Its methods are in the files of the resources, and call nothing.
type sender struct {
	c       Clients
	resolve Resolve
	send    func(context.Context) (awsop.Output, error)
	secrets []stack.Secret // of the request
}

// reveal is the text of a secret, for the request.
func (s *sender) reveal(secret stack.Secret) string {
	s.secrets = append(s.secrets, secret)
	return secret.Reveal()
}

// errNoResource is an answer without the resource that it should describe.
var errNoResource = errors.New("aws answered without the resource that was created")

// request is a call whose answer is of no interest.
func request[I, O, F any](s *sender, action func(context.Context, *I, ...func(*F)) (*O, error), in *I) {
	s.send = func(ctx context.Context) (awsop.Output, error) {
		_, err := action(ctx, in)
		return awsop.Output{}, err
	}
}

// create is a call that creates what output finds in its answer.
func create[I, O, F any](s *sender, action func(context.Context, *I, ...func(*F)) (*O, error), in *I,
	output func(*O) awsop.Output) {
	s.send = func(ctx context.Context) (awsop.Output, error) {
		out, err := action(ctx, in)
		if err != nil {
			return awsop.Output{}, err
		}
		if o := output(out); o != (awsop.Output{}) {
			return o, nil
		}
		return awsop.Output{}, errNoResource
	}
}

// refuse is for what is no write to AWS.
func (s *sender) refuse(op plan.Operation) {
	s.send = func(context.Context) (awsop.Output, error) {
		return awsop.Output{}, fmt.Errorf("%s is not a write to AWS", plan.NameOf(op))
	}
}

// id is the ARN or group id behind a reference.
func (s *sender) id(r stack.Ref) *string { return aws.String(s.resolve(r)) }

func (s *sender) all(refs []stack.Ref) []string {
	out := make([]string, len(refs))
	for i, r := range refs {
		out[i] = s.resolve(r)
	}
	return out
}

// first is the zero value of an empty list.
func first[T any](list []T) (t T) {
	if len(list) > 0 {
		t = list[0]
	}
	return t
}

// optional turns "not managed" into an absent parameter.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
