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

// requestTable are the functions that build the requests of operations, by the type of the operation. Reflection calls
// them, because Go would compile a function that gives an operation its type back again for each type.
type requestTable map[reflect.Type]reflect.Value

// newRequestTable makes the table of functions whose parameters are a builder and an operation.
func newRequestTable(all ...any) requestTable {
	out := requestTable{}
	for _, f := range all {
		out[reflect.TypeOf(f).In(1)] = reflect.ValueOf(f)
	}
	return out
}

func (r requestTable) prepare(builder any, op plan.Operation) {
	if f, ok := r[reflect.TypeOf(op)]; ok {
		f.Call([]reflect.Value{reflect.ValueOf(builder), reflect.ValueOf(op)})
	}
}

var requests = newRequestTable(
	(*requestBuilder).CreateSecurityGroup, (*requestBuilder).AuthorizeSecurityGroupIngress,
	(*requestBuilder).RevokeSecurityGroupIngress, (*requestBuilder).DeleteSecurityGroup,
	(*requestBuilder).CreateTags, (*requestBuilder).DeleteTags, (*requestBuilder).AddTags,
	(*requestBuilder).RemoveTags,
	(*requestBuilder).CreateTargetGroup, (*requestBuilder).ModifyTargetGroup,
	(*requestBuilder).ModifyTargetGroupAttributes,
	(*requestBuilder).DeleteTargetGroup, (*requestBuilder).RegisterTargets,
	(*requestBuilder).DeregisterTargets,
	(*requestBuilder).RegisterLoadBalancer, (*requestBuilder).DeregisterLoadBalancer,
	(*requestBuilder).CreateLoadBalancer, (*requestBuilder).SetSecurityGroups, (*requestBuilder).SetSubnets,
	(*requestBuilder).SetIpAddressType, (*requestBuilder).ModifyLoadBalancerAttributes,
	(*requestBuilder).ModifyIpPools,
	(*requestBuilder).ModifyCapacityReservation, (*requestBuilder).DeleteLoadBalancer,
	(*requestBuilder).AssociateWebACL, (*requestBuilder).DisassociateWebACL,
	(*requestBuilder).CreateProtection,
	(*requestBuilder).DeleteProtection,
	(*requestBuilder).CreateListener, (*requestBuilder).ModifyListener,
	(*requestBuilder).ModifyListenerAttributes,
	(*requestBuilder).AddListenerCertificates, (*requestBuilder).RemoveListenerCertificates,
	(*requestBuilder).DeleteListener,
	(*requestBuilder).CreateRule, (*requestBuilder).ModifyRule, (*requestBuilder).SetRulePriorities,
	(*requestBuilder).DeleteRule,
	(*requestBuilder).RequestCertificate, (*requestBuilder).ImportCertificate,
	(*requestBuilder).AddTagsToCertificate,
	(*requestBuilder).DeleteCertificate, (*requestBuilder).PublishValidation,
	(*requestBuilder).WithdrawValidation,
	(*requestBuilder).PutObject, (*requestBuilder).DeleteObject, (*requestBuilder).CreateTrustStore,
	(*requestBuilder).ModifyTrustStore, (*requestBuilder).DeleteTrustStore,
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
