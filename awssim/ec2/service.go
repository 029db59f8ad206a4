// Package ec2 is the part of Amazon EC2 that load balancers stand on: networks, security groups, network interfaces,
// instances and tags, one method per action with the SDK client's signature, over the account's state, with AWS's filters,
// validations and error codes. It holds no state and no wire format; it imports awssim/account, awssim/gate, awssim/apierr
// and the SDK's types.
package ec2

import (
	"context"
	"errors"
	"net/http"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/resource"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// service is the name under which the gate knows the calls.
const service = "ec2"

// Service answers the actions of EC2.
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
	if in == nil {
		in = new(I)
	}
	return gate.Do(ctx, s.gate, service, action, in, func(_ context.Context, in *I) (*O, error) {
		out, err := func() (*O, error) {
			s.account.Lock()
			defer s.account.Unlock()
			return f(in)
		}()
		if err == nil {
			s.account.Changed()
		}
		return out, err
	})
}

// dryRun is the error that tells the caller of a dry run that the call would be allowed.
func dryRun(flag *bool) error {
	if flag != nil && *flag {
		return apierr.WithStatus(http.StatusPreconditionFailed, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
	}
	return nil
}

func invalidValue(format string, args ...any) error {
	return apierr.New("InvalidParameterValue", format, args...)
}

func missing(parameter string) error {
	return apierr.New("MissingParameter", "The request must contain the parameter %s", parameter)
}

// wireError gives the errors of the account the codes of EC2.
func wireError(err error) error {
	var (
		notFound *resource.NotFoundError
		depends  *resource.DependencyError
		inUse    *vpc.AddressInUseError
	)
	switch {
	case errors.As(err, &notFound):
		for _, k := range kinds {
			if k.name == notFound.Kind {
				return k.notFound([]string{notFound.ID})
			}
		}
	case errors.As(err, &depends):
		return apierr.New("DependencyViolation", "resource %s has a dependent object", depends.ID)
	case errors.As(err, &inUse):
		return apierr.New("InvalidIPAddress.InUse", "Address %s is in use.", inUse.Addr)
	case errors.Is(err, vpc.ErrNoFreeAddress):
		return apierr.New("InsufficientFreeAddressesInSubnet", "The specified subnet does not have enough free addresses to satisfy the request.")
	case errors.Is(err, vpc.ErrAddressOutside):
		return invalidValue("Address does not fall within the subnet's address range")
	}
	return err
}
