package awsclient

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// nowhere is an environment without AWS.
func nowhere(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "",
		"NODENAME": "", "AWS_CONFIG_FILE": "/nonexistent",
		"AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "",
		"AWS_EC2_METADATA_SERVICE_ENDPOINT": "", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "",
	} {
		t.Setenv(name, value)
	}
}

// TestWhatIsMissingIsASentenceWithARemedy connects without one thing after the other.
func TestWhatIsMissingIsASentenceWithARemedy(t *testing.T) {
	nowhere(t)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	denying := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(
			w, `<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized to perform this operation.</Message></Error></Errors></Response>`)
	}))
	defer denying.Close()
	keys := map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
	endpoint := map[string]string{ServiceEC2: denying.URL}
	for name, tc := range map[string]struct {
		env    map[string]string
		o      ConnectOptions
		reason impairment.Reason
		texts  []string
	}{
		"region": {nil, ConnectOptions{}, impairment.Region, []string{"failed to introspect region from EC2Metadata",
			"--aws-region", "hop limit of 2"}},
		"credentials": {nil, ConnectOptions{Region: "us-west-2", VPC: "vpc-1", CheckCredentials: true},
			impairment.Credentials, []string{"no credentials for AWS: no EC2 IMDS role found", "eks.amazonaws.com/role-arn"}},
		"VPC": {keys, ConnectOptions{Region: "us-west-2", CheckCredentials: true}, impairment.VPC,
			[]string{"failed to get VPC ID", "--aws-vpc-id (vpcId in the chart)"}},
		"permission": {keys, ConnectOptions{Region: "us-west-2", VPCTags: map[string]string{"Name": "x"},
			Endpoints: endpoint, CheckCredentials: true}, impairment.VPC, []string{"UnauthorizedOperation", "ec2:DescribeVpcs",
			"--aws-vpc-id"}},
		"token file": {map[string]string{"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/lbc",
			"AWS_WEB_IDENTITY_TOKEN_FILE": "/nonexistent"}, ConnectOptions{Region: "us-west-2", VPC: "vpc-1",
			CheckCredentials: true},
			impairment.Credentials, []string{"no credentials for AWS", "/nonexistent", "trust policy"}},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range tc.env {
				t.Setenv(k, v)
			}
			_, err := Connect(t.Context(), tc.o)
			var c impairment.Condition
			if !errors.As(err, &c) || c.Reason != tc.reason {
				t.Fatalf("%v", err)
			}
			for _, text := range tc.texts {
				if !strings.Contains(c.Error(), text) {
					t.Errorf("%q is not in %s", text, c.Error())
				}
			}
		})
	}
}

// TestTheMetadataServiceIsAskedOverIPv6WhereThereIsNoIPv4 checks the mode of the endpoint, by the environment and by
// addresses.
func TestTheMetadataServiceIsAskedOverIPv6WhereThereIsNoIPv4(t *testing.T) {
	nowhere(t)
	proxied := ""
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxied = r.Host
		http.NotFound(w, r)
	}))
	defer proxy.Close()
	addresses := func(cidrs ...string) (out []net.Addr) {
		for _, c := range cidrs {
			ip, n, err := net.ParseCIDR(c)
			if err != nil {
				t.Fatal(err)
			}
			n.IP = ip
			out = append(out, n)
		}
		return out
	}
	for name, tc := range map[string]struct {
		cidrs []string
		want  bool
	}{
		"IPv6 only":  {[]string{"127.0.0.1/8", "::1/128", "2600:1f14::1/128", "fe80::1/64"}, false},
		"dual stack": {[]string{"127.0.0.1/8", "192.0.2.1/24", "2600:1f14::1/128"}, true},
	} {
		if got := reachesIPv4(addresses(tc.cidrs...)); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", proxy.URL) // the endpoint beats the mode
	if _, err := Connect(t.Context(), ConnectOptions{}); err == nil || !strings.HasPrefix(proxy.URL, "http://"+proxied) ||
		proxied == "" {
		t.Errorf("%v by %s", err, proxied)
	}
}
