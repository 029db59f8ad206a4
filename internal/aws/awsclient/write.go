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
	s := requestBuilder{c: c, resolve: resolve}
	s.failByDefault(op)
	requests.prepare(&s, op)
	ctx = withSecrets(ctx, s.secrets)
	out, err := s.call(ctx) // the last line before AWS: the SDK's client, with the Limiter as a middleware
	return out, withoutSecrets(ctx, err)
}

// requestTable are the methods that build the requests of operations, by the type of the operation; S builds them.
type requestTable[S any] map[reflect.Type]func(*S, plan.Operation)

func (r requestTable[S]) prepare(s *S, op plan.Operation) {
	if prepare := r[reflect.TypeOf(op)]; prepare != nil {
		prepare(s, op)
	}
}

// requestRow is a row of a requestTable.
type requestRow[S any] struct {
	op      reflect.Type
	prepare func(*S, plan.Operation)
}

func by[S any, O plan.Operation](prepare func(*S, O)) requestRow[S] {
	return requestRow[S]{reflect.TypeFor[O](), func(s *S, op plan.Operation) {
		if op, ok := op.(O); ok {
			prepare(s, op)
		}
	}}
}

func newRequestTable[S any](all ...requestRow[S]) requestTable[S] {
	out := requestTable[S]{}
	for _, r := range all {
		out[r.op] = r.prepare
	}
	return out
}

var requests = newRequestTable(
	by((*requestBuilder).CreateSecurityGroup), by((*requestBuilder).AuthorizeSecurityGroupIngress),
	by((*requestBuilder).RevokeSecurityGroupIngress), by((*requestBuilder).DeleteSecurityGroup),
	by((*requestBuilder).CreateTags), by((*requestBuilder).DeleteTags), by((*requestBuilder).AddTags),
	by((*requestBuilder).RemoveTags),
	by((*requestBuilder).CreateTargetGroup), by((*requestBuilder).ModifyTargetGroup),
	by((*requestBuilder).ModifyTargetGroupAttributes),
	by((*requestBuilder).DeleteTargetGroup), by((*requestBuilder).RegisterTargets),
	by((*requestBuilder).DeregisterTargets),
	by((*requestBuilder).RegisterLoadBalancer), by((*requestBuilder).DeregisterLoadBalancer),
	by((*requestBuilder).CreateLoadBalancer), by((*requestBuilder).SetSecurityGroups), by((*requestBuilder).SetSubnets),
	by((*requestBuilder).SetIpAddressType), by((*requestBuilder).ModifyLoadBalancerAttributes),
	by((*requestBuilder).ModifyIpPools),
	by((*requestBuilder).ModifyCapacityReservation), by((*requestBuilder).DeleteLoadBalancer),
	by((*requestBuilder).AssociateWebACL), by((*requestBuilder).DisassociateWebACL),
	by((*requestBuilder).CreateProtection),
	by((*requestBuilder).DeleteProtection),
	by((*requestBuilder).CreateListener), by((*requestBuilder).ModifyListener),
	by((*requestBuilder).ModifyListenerAttributes),
	by((*requestBuilder).AddListenerCertificates), by((*requestBuilder).RemoveListenerCertificates),
	by((*requestBuilder).DeleteListener),
	by((*requestBuilder).CreateRule), by((*requestBuilder).ModifyRule), by((*requestBuilder).SetRulePriorities),
	by((*requestBuilder).DeleteRule),
	by((*requestBuilder).RequestCertificate), by((*requestBuilder).ImportCertificate),
	by((*requestBuilder).AddTagsToCertificate),
	by((*requestBuilder).DeleteCertificate), by((*requestBuilder).PublishValidation),
	by((*requestBuilder).WithdrawValidation),
	by((*requestBuilder).PutObject), by((*requestBuilder).DeleteObject), by((*requestBuilder).CreateTrustStore),
	by((*requestBuilder).ModifyTrustStore), by((*requestBuilder).DeleteTrustStore),
)

// requestBuilder builds the request of an operation. Its methods are in the files of the resources, and call nothing.
type requestBuilder struct {
	c       Clients
	resolve Resolve
	call    func(context.Context) (awsop.Output, error)
	secrets []stack.Secret // of the request
}

// reveal is the text of a secret, for the request.
func (s *requestBuilder) reveal(secret stack.Secret) string {
	s.secrets = append(s.secrets, secret)
	return secret.Reveal()
}

// errNoResource is an answer without the resource that it should describe.
var errNoResource = errors.New("aws answered without the resource that was created")

// setCall sets a call whose answer is of no interest.
func setCall[I, O, F any](s *requestBuilder, action func(context.Context, *I, ...func(*F)) (*O, error), in *I) {
	s.call = func(ctx context.Context) (awsop.Output, error) {
		_, err := action(ctx, in)
		return awsop.Output{}, err
	}
}

// setCreate sets a call that creates what output finds in its answer.
func setCreate[I, O, F any](s *requestBuilder, action func(context.Context, *I, ...func(*F)) (*O, error), in *I,
	output func(*O) awsop.Output) {
	s.call = func(ctx context.Context) (awsop.Output, error) {
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

// failByDefault makes the call fail. The method of the operation replaces it, if the operation is a write to AWS.
func (s *requestBuilder) failByDefault(op plan.Operation) {
	s.call = func(context.Context) (awsop.Output, error) {
		return awsop.Output{}, fmt.Errorf("%s is not a write to AWS", plan.NameOf(op))
	}
}

// id is the ARN or group id behind a reference.
func (s *requestBuilder) id(r stack.Ref) *string { return aws.String(s.resolve(r)) }

func (s *requestBuilder) all(refs []stack.Ref) []string {
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
