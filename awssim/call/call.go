// Package call brings the calls of a simulated service to its actions: through the gate, under the account's lock, and
// with an announcement of what a write has changed; and it makes the markers by which lists of several pages go on. It
// has no service and no wire format; it imports awssim/account and awssim/gate.
package call

import (
	"context"
	"encoding/base64"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// Entry is the way in to a service over an account.
type Entry struct {
	Service string // its name at the gate
	Account *account.Account
	Gate    *gate.Gate // nil: calls are not recorded, throttled or refused
}

// Read passes one call that changes nothing through the gate and answers it by f under the account's lock. A nil input
// is an empty one.
func Read[I, O any](ctx context.Context, e Entry, action string, in *I, f func(*I) (*O, error)) (*O, error) {
	return pass(ctx, e, action, in, func(_ context.Context, in *I) (*O, error) { return locked(e.Account, in, f) })
}

// Write is Read for calls that change the state: a success is announced once the lock is free, also when a fault of the
// gate loses the answer.
func Write[I, O any](ctx context.Context, e Entry, action string, in *I, f func(*I) (*O, error)) (*O, error) {
	return pass(ctx, e, action, in, func(_ context.Context, in *I) (*O, error) {
		out, err := locked(e.Account, in, f)
		if err == nil {
			e.Account.Changed()
		}
		return out, err
	})
}

func pass[I, O any](ctx context.Context, e Entry, action string, in *I, f func(context.Context, *I) (*O, error)) (
	*O, error) {
	if in == nil {
		in = new(I)
	}
	return gate.Do(ctx, e.Gate, gate.Operation{Service: e.Service, Action: action}, in, f)
}

func locked[I, O any](a *account.Account, in *I, f func(*I) (*O, error)) (*O, error) {
	a.Lock()
	defer a.Unlock()
	return f(in)
}

// markerPrefix begins what a marker encodes.
const markerPrefix = "after:"

// Marker names the element that a page ends with. Unlike a position it leads to the next page also when elements before
// it come or go in between.
func Marker(last string) *string {
	m := base64.RawURLEncoding.EncodeToString([]byte(markerPrefix + last))
	return &m
}

// After is the element that a marker names; false for what is no marker.
func After(marker string) (last string, ok bool) {
	text, err := base64.RawURLEncoding.DecodeString(marker)
	if err != nil {
		return "", false
	}
	return strings.CutPrefix(string(text), markerPrefix)
}
