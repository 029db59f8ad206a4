package gate

import "context"

type contextKey int

const (
	callerKey contextKey = iota
	requestIDKey
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
