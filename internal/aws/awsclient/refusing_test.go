package awsclient

import (
	"io"
	"net/http"
	"strings"
)

// refusing answers queries of ELBv2: a function is called with the access key of each, and reports whether it is
// refused as expired.
type refusing func(key string) bool

func (f refusing) Do(r *http.Request) (*http.Response, error) {
	_, key, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	key, _, _ = strings.Cut(key, "/")
	status, body := http.StatusOK,
		`<DescribeTargetGroupsResponse><DescribeTargetGroupsResult><TargetGroups/></DescribeTargetGroupsResult></DescribeTargetGroupsResponse>`
	if f(key) {
		status, body = http.StatusForbidden,
			`<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message></Error></ErrorResponse>`
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)),
		Request: r}, nil
}
