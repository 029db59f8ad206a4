// Package shield is the part of Shield Advanced that load balancers use: the subscription, protections and their tags, one
// method per action with the SDK client's signature, over the account's state, with AWS's validations and error codes. Attacks
// are not simulated. It imports awssim/account, awssim/gate, awssim/apierr and the SDK's types.
package shield

import (
	"context"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// service is the name under which the gate knows the calls.
const service = "shield"

// Service answers the actions of Shield.
type Service struct {
	account *account.Account
	gate    *gate.Gate
}

// New is the service over that account; calls pass g, which may be nil.
func New(a *account.Account, g *gate.Gate) *Service { return &Service{account: a, gate: g} }

// read passes one call that changes nothing through the gate and answers it under the account's lock.
func read[I, O any](ctx context.Context, s *Service, action string, in *I, f func(*I) (*O, error)) (*O, error) {
	if in == nil {
		in = new(I)
	}
	return gate.Do(ctx, s.gate, service, action, in, func(_ context.Context, in *I) (*O, error) {
		s.account.Lock()
		defer s.account.Unlock()
		return f(in)
	})
}

// write is read for calls that change the state: a success is announced once the lock is free.
func write[I, O any](ctx context.Context, s *Service, action string, in *I, f func(*I) (*O, error)) (*O, error) {
	out, err := read(ctx, s, action, in, f)
	if err == nil {
		s.account.Changed()
	}
	return out, err
}

func invalid(format string, args ...any) error {
	return apierr.New("InvalidParameterException", format, args...)
}

func unsubscribed() error {
	return apierr.New("ResourceNotFoundException", "The subscription does not exist.")
}
