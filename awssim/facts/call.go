package facts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// Clients are the SDK's clients by the names that facts use.
type Clients map[string]any

// NewClients returns the clients for a configuration.
func NewClients(cfg aws.Config) Clients {
	return Clients{
		"elbv2": elbv2.NewFromConfig(cfg), "ec2": ec2.NewFromConfig(cfg), "acm": acm.NewFromConfig(cfg),
		"sts": sts.NewFromConfig(cfg), "tagging": resourcegroupstaggingapi.NewFromConfig(cfg),
	}
}

// method is the SDK's method of a call such as "elbv2.CreateListener".
func (c Clients) method(call string) reflect.Value {
	service, action, _ := strings.Cut(call, ".")
	client := reflect.ValueOf(c[service])
	if !client.IsValid() {
		return reflect.Value{}
	}
	return client.MethodByName(action)
}

var described = NewClients(aws.Config{})

func callExists(call string) bool {
	m := described.method(call)
	return m.IsValid() && m.Type().IsVariadic() && m.Type().NumIn() == 3
}

// Call makes a call with parameters by the API's names and returns the answer in JSON's types.
func (c Clients) Call(ctx context.Context, call string, with map[string]any) (any, error) {
	method := c.method(call)
	if !method.IsValid() {
		return nil, fmt.Errorf("no call %s", call)
	}
	content, err := json.Marshal(with)
	if err != nil {
		return nil, err
	}
	input := reflect.New(method.Type().In(1).Elem())
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(input.Interface()); err != nil {
		return nil, fmt.Errorf("%s: %w", call, err)
	}
	results := method.Call([]reflect.Value{reflect.ValueOf(ctx), input})
	if err, ok := results[1].Interface().(error); ok && err != nil {
		return nil, err
	}
	return generic(results[0].Interface())
}

// describeError is the code and the message of an error of AWS.
func describeError(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return shorten(api.ErrorCode() + ": " + api.ErrorMessage())
	}
	return shorten(err.Error())
}

// obstacles are parts of error codes that say nothing about a fact: the caller may not call, a limit is reached,
// the service has trouble, or the endpoint does not serve the call.
var obstacles = []string{
	"AccessDenied", "Unauthorized", "AuthFailure", "NotAuthorized", "OptInRequired", "ExpiredToken",
	"InvalidClientTokenId",
	"UnrecognizedClient", "InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestExpired", "Throttl",
	"LimitExceeded", "TooMany",
	"InsufficientCapacity", "InsufficientFreeAddresses", "ServiceUnavailable", "Unavailable", "InternalError",
	"InternalFailure", "InvalidAction",
	"UnknownOperation", "UnknownError", "NotImplemented", "UnsupportedOperation",
}

// obstacle tells why an error says nothing about a fact, "" if it does.
func obstacle(err error) string {
	code := apierr.CodeOf(err)
	var response *awshttp.ResponseError
	if errors.As(err, &response) && (response.HTTPStatusCode() >= 500 || code == "") {
		return fmt.Sprintf("status %d, %s", response.HTTPStatusCode(), describeError(err))
	}
	if code == "" {
		return describeError(err)
	}
	for _, part := range obstacles {
		if strings.Contains(code, part) {
			return describeError(err)
		}
	}
	return ""
}

// refusedCredentials are parts of error codes with which an endpoint refuses every call of the caller.
var refusedCredentials = []string{"ExpiredToken", "InvalidClientTokenId", "UnrecognizedClient", "InvalidAccessKeyId",
	"SignatureDoesNotMatch", "RequestExpired"}

// Reach returns why no call can succeed at the endpoint: it does not answer, or it refuses the credentials. An endpoint
// that does not serve the call that Reach makes is reached.
func Reach(ctx context.Context, c Clients) error {
	_, err := c.Call(ctx, "sts.GetCallerIdentity", nil)
	var response *awshttp.ResponseError
	code := apierr.CodeOf(err)
	switch {
	case err == nil:
	case slices.ContainsFunc(refusedCredentials, func(part string) bool { return strings.Contains(code, part) }):
		return fmt.Errorf("the endpoint refuses the credentials: %s", describeError(err))
	case code == "" && (!errors.As(err, &response) || response.HTTPStatusCode() == 0):
		return fmt.Errorf("the endpoint does not answer: %s", describeError(err))
	}
	return nil
}

// expectedCode reports whether a code is one of those that a step expects.
func expectedCode(expected, code string) bool {
	for want := range strings.SplitSeq(expected, "|") {
		if want != "" && want == code {
			return true
		}
	}
	return false
}
