package wire

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// storage is the name of S3 in signatures.
const storage = "s3"

// restObjects is S3's protocol, as far as it is about objects: the method is the action, the bucket is the first label
// of the host or the first step of the path, the body is the content.
type restObjects struct{}

var objectActions = map[string]string{
	http.MethodPut: "PutObject", http.MethodGet: "GetObject", http.MethodHead: "HeadObject",
	http.MethodDelete: "DeleteObject",
}

// objectOf is the bucket and the key of a request.
func objectOf(r *request) (bucket, key string) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	// Hosts with a bucket: BUCKET.s3.REGION.amazonaws.com, and BUCKET.localhost where the endpoint is localhost.
	for _, service := range []string{".s3.", ".s3-", ".localhost"} {
		if at := strings.Index(host, service); at > 0 && net.ParseIP(host) == nil {
			return host[:at], path
		}
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

func (restObjects) action(r *request) (string, error) {
	action, ok := objectActions[r.Method]
	_, key := objectOf(r)
	operation := r.form.Get("x-id") // named by clients, and the same as the method
	if !ok || key == "" || len(r.form) > 1 || len(r.form) == 1 && operation == "" {
		return "", apierr.WithStatus(http.StatusNotImplemented, "NotImplemented",
			"the simulator has of S3 PutObject, GetObject, HeadObject and DeleteObject")
	}
	return action, nil
}

func (restObjects) decode(r *request, in reflect.Value) error {
	bucket, key := objectOf(r)
	in.FieldByName("Bucket").Set(reflect.ValueOf(aws.String(bucket)))
	in.FieldByName("Key").Set(reflect.ValueOf(aws.String(key)))
	put, ok := in.Addr().Interface().(*s3.PutObjectInput)
	if !ok {
		return nil
	}
	content := r.body
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		var err error
		if content, err = unchunked(content); err != nil {
			return err
		}
	}
	put.Body = bytes.NewReader(content)
	if t := r.Header.Get("Content-Type"); t != "" {
		put.ContentType = aws.String(t)
	}
	return nil
}

// unchunked joins the chunks of a body: each has its length in hexadecimal digits, and perhaps a signature, in a line
// before it. Trailers follow the last one, which is empty.
func unchunked(body []byte) ([]byte, error) {
	incomplete := apierr.New("IncompleteBody", "The request body terminated unexpectedly")
	var out []byte
	for {
		line, rest, found := bytes.Cut(body, []byte("\r\n"))
		digits, _, _ := strings.Cut(string(line), ";")
		n, err := strconv.ParseUint(digits, 16, 31)
		switch {
		case !found || err != nil || uint64(len(rest)) < n:
			return nil, incomplete
		case n == 0:
			return out, nil
		}
		out = append(out, rest[:n]...)
		if body, found = bytes.CutPrefix(rest[n:], []byte("\r\n")); !found {
			return nil, incomplete
		}
	}
}

func (restObjects) head(_ string, out reflect.Value) (int, map[string]string) {
	headers := map[string]string{}
	tagged := func(etag *string, length *int64) {
		headers["ETag"] = aws.ToString(etag)
		if length != nil {
			headers["Content-Length"] = strconv.FormatInt(*length, 10)
		}
	}
	switch o := out.Interface().(type) {
	case *s3.PutObjectOutput:
		tagged(o.ETag, nil)
	case *s3.GetObjectOutput:
		tagged(o.ETag, o.ContentLength)
	case *s3.HeadObjectOutput:
		tagged(o.ETag, o.ContentLength)
	case *s3.DeleteObjectOutput:
		return http.StatusNoContent, nil
	}
	return http.StatusOK, headers
}

func (restObjects) encode(_ string, out reflect.Value, _ string) (string, []byte, error) {
	get, ok := out.Interface().(*s3.GetObjectOutput)
	if !ok {
		return "application/xml", nil, nil
	}
	content, err := io.ReadAll(get.Body)
	return "binary/octet-stream", content, err
}

func (restObjects) fail(err *apierr.Error, id string) (string, []byte) {
	var e xmlEncoder
	e.WriteString(declaration + "<Error>")
	e.text("Code", err.Code)
	e.text("Message", err.Message)
	e.text("RequestId", id)
	e.close("Error")
	return "application/xml", e.Bytes()
}

// objectRefusals: Amazon S3 API reference, "Error responses".
var objectRefusals = map[problem]apierr.Error{
	noCredentials: {Code: "AccessDenied", Message: "Access Denied", Status: http.StatusForbidden},
	badSignature: {Code: "AuthorizationHeaderMalformed",
		Message: "The authorization header that you provided is not valid.", Status: http.StatusBadRequest},
	wrongSignature: {Code: "SignatureDoesNotMatch", Message: mismatch, Status: http.StatusForbidden},
	skewed: {Code: "RequestTimeTooSkewed", Message: "The difference between the request time and the server's " +
		"time is too large.", Status: http.StatusForbidden},
	unknownKey: {Code: "InvalidAccessKeyId", Message: "The AWS access key ID that you provided does not exist " +
		"in our records.", Status: http.StatusForbidden},
	expiredToken: {Code: "ExpiredToken", Message: "The provided token has expired.", Status: http.StatusBadRequest},
	wrongRegion: {Code: "AuthorizationHeaderMalformed",
		Message: "The authorization header is malformed; the region is wrong.", Status: http.StatusBadRequest},
}

func (restObjects) refusal(p problem) *apierr.Error { return refusal(objectRefusals, p) }

func (restObjects) unknownAction(action string) *apierr.Error {
	return apierr.WithStatus(http.StatusNotImplemented, "NotImplemented", "the simulator does not have %s of S3", action)
}
