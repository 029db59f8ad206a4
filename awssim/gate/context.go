package gate

import "context"

type contextKey int

const (
	callerKey contextKey = iota
	requestIDKey
	regionKey
)

// WithCaller says who calls: an access key id over the wire, any name in-process.
func WithCaller(ctx context.Context, caller string) context.Context {
	return context.WithValue(ctx, callerKey, caller)
}

// Caller is who calls, "" if nobody said.
func Caller(ctx context.Context) string {
	s, _ := ctx.Value(callerKey).(string)
	return s
}

// WithRequestID gives the call its id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey, id)
}

// RequestID is the call's id, "" outside a call.
func RequestID(ctx context.Context) string {
	s, _ := ctx.Value(requestIDKey).(string)
	return s
}

// WithRegion says which region's endpoint was called: over the wire the one of the signature.
func WithRegion(ctx context.Context, region string) context.Context {
	return context.WithValue(ctx, regionKey, region)
}

// Region is which region's endpoint was called, "" if nobody said: the account's own.
func Region(ctx context.Context) string {
	s, _ := ctx.Value(regionKey).(string)
	return s
}
