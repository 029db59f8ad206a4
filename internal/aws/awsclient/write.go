package awsclient

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Resolve gives the ARN or group id behind a reference of an operation.
type Resolve func(stack.Ref) string

// Write sends one operation to AWS. The operations on TargetGroupBindings are not AWS's, and AwaitTargets writes
// nothing: they are an error. The error is the SDK's own, for Classify.
func Write(ctx context.Context, c Clients, op plan.Operation, resolve Resolve) (awsop.Output, error) {
	s := sender{c: c, resolve: resolve}
	s.refuse(op)
	if op, ok := op.(awsop.Operation); ok {
		op.Send(&s)
	}
	return s.send(ctx)
}

// sender makes the request of an operation; its methods stand in the files of the resources.
type sender struct {
	c       Clients
	resolve Resolve
	send    func(context.Context) (awsop.Output, error)
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

func (s *sender) CreateBinding(op awsop.CreateBinding)   { s.refuse(op) }
func (s *sender) UpdateBinding(op awsop.UpdateBinding)   { s.refuse(op) }
func (s *sender) ReleaseBinding(op awsop.ReleaseBinding) { s.refuse(op) }
func (s *sender) DeleteBinding(op awsop.DeleteBinding)   { s.refuse(op) }
func (s *sender) AwaitTargets(op awsop.AwaitTargets)     { s.refuse(op) }

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
