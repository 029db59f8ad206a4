package gate

import "context"

type contextKey int

const (
	callerKey contextKey = iota
	requestIDKey
	regionKey
	endpointKey
	sizeKey
)

// WithCaller names the caller: an access key id over the wire, any name in-process.
func WithCaller(ctx context.Context, caller string) context.Context {
	return context.WithValue(ctx, callerKey, caller)
}

// Caller is the name that WithCaller gave, "" for none.
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

// WithRegion sets the region whose endpoint was called: over the wire the one of the signature.
func WithRegion(ctx context.Context, region string) context.Context {
	return context.WithValue(ctx, regionKey, region)
}

// Region is the region whose endpoint was called, "" for the account's own.
func Region(ctx context.Context) string {
	s, _ := ctx.Value(regionKey).(string)
	return s
}

// WithEndpoint sets the URL at which the caller reached the simulator, such as http://127.0.0.1:4580.
func WithEndpoint(ctx context.Context, url string) context.Context {
	return context.WithValue(ctx, endpointKey, url)
}

// Endpoint is where the caller reached the simulator, "" in the process.
func Endpoint(ctx context.Context) string {
	s, _ := ctx.Value(endpointKey).(string)
	return s
}

// WithSize sets how many bytes the request had.
func WithSize(ctx context.Context, bytes int) context.Context {
	return context.WithValue(ctx, sizeKey, bytes)
}

// Size is how many bytes the request had, 0 in the process.
func Size(ctx context.Context) int {
	n, _ := ctx.Value(sizeKey).(int)
	return n
}
