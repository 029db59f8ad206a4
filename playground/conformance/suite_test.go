package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/net/websocket"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/apis/v1beta1"
	upstream "sigs.k8s.io/gateway-api/conformance"
	confv1 "sigs.k8s.io/gateway-api/conformance/apis/v1"
	"sigs.k8s.io/gateway-api/conformance/utils/config"
	"sigs.k8s.io/gateway-api/conformance/utils/roundtripper"
	"sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/pkg/features"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/curl"
)

// orderVariable holds the path of an order for TestSuite.
const orderVariable = "LBC_CONFORMANCE_ORDER"

// order is what TestSuite is to run, and in which playground.
type order struct {
	Run                         string
	Kubeconfig, Simulator, DNS  string
	Usable, Unusable            []string // addresses of Gateways
	Version                     string
	Only                        string // a single test
	ResultsOutput, ReportOutput string
}

// classAccepted is how long a class may take until it is accepted: long for a controller that serves it, short when
// none does.
const classAccepted = time.Minute

// TestSuite runs the suite in a process of its own, which the lists' comparison starts: the suite ends the test that
// failed, and its failures are not ours when they are listed.
func TestSuite(t *testing.T) {
	if testing.Short() {
		t.Skip("make conformance runs the suite; this is about its lists and clients")
	}
	path := os.Getenv(orderVariable)
	if path == "" {
		t.Skip("the suite is run by TestConformance")
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var o order
	if err := json.Unmarshal(content, &o); err != nil {
		t.Fatal(err)
	}
	r, ok := load(t).Run(o.Run)
	if !ok {
		t.Fatalf("no run %q", o.Run)
	}
	restConfig, err := clientcmd.BuildConfigFromFlags("", o.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	options, err := suiteOptions(restConfig, o)
	if err != nil {
		t.Fatal(err)
	}
	configure(&options, r)
	options.ReportOutputPath = o.ReportOutput
	var mu sync.Mutex // tests end side by side
	results := map[string]Outcome{}
	options.Hook = func(t *testing.T, test suite.ConformanceTest, _ *suite.ConformanceTestSuite) {
		mu.Lock()
		defer mu.Unlock()
		results[test.ShortName] = Passed
		if t.Failed() {
			results[test.ShortName] = Failed
		} else if t.Skipped() {
			results[test.ShortName] = Left
		}
		text, err := json.MarshalIndent(results, "", "  ")
		if err := errors.Join(err, os.WriteFile(o.ResultsOutput, text, 0o600)); err != nil {
			t.Error(err)
		}
	}
	upstream.RunConformanceWithOptions(t, options)
}

// suiteOptions has the suite's clients reach the playground.
func suiteOptions(restConfig *rest.Config, o order) (suite.ConformanceOptions, error) {
	log.SetLogger(logr.Discard())
	restConfig = rest.CopyConfig(restConfig)
	restConfig.QPS = -1
	c, err := client.New(restConfig, client.Options{})
	if err != nil {
		return suite.ConformanceOptions{}, err
	}
	s := c.Scheme()
	if err := errors.Join(gatewayv1.Install(s), v1beta1.Install(s), apiextensionsv1.AddToScheme(s)); err != nil {
		return suite.ConformanceOptions{}, err
	}
	k, err := kubernetes.NewForConfig(restConfig)
	if err != nil {
		return suite.ConformanceOptions{}, err
	}
	// The clients of TCP, UDP, TLS and gRPC have no other way in.
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (
		net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, o.DNS)
	}}
	reach := curl.Endpoints(simclient.New(o.Simulator, nil).Topology)
	timeouts := config.DefaultTimeoutConfig()
	timeouts.GWCMustBeAccepted = classAccepted
	options := suite.ConformanceOptions{
		Client: c, Clientset: k, RestConfig: restConfig, ManifestFS: []fs.FS{&upstream.Manifests},
		RoundTripper:    &roundtripper.DefaultRoundTripper{TimeoutConfig: timeouts, CustomDialContext: reach.Dial},
		WebSocketDialer: webSockets{reach},
	}
	options.TimeoutConfig = timeouts
	options.RunTest = o.Only
	options.UsableNetworkAddresses, options.UnusableNetworkAddresses = addresses(o.Usable), addresses(o.Unusable)
	options.CleanupBaseResources, options.CleanupTestResources = true, true
	options.Implementation = confv1.Implementation{
		Organization: "k8s-lbc", Project: "lbc", URL: "https://github.com/k8s-lbc/lbc", Version: o.Version,
		Contact: []string{"https://github.com/k8s-lbc/lbc/issues/new"},
	}
	return options, nil
}

// configure selects what a run consists of.
func configure(o *suite.ConformanceOptions, r Run) {
	o.GatewayClassName, o.Mode = r.Class, r.Mode
	for _, p := range r.Profiles {
		o.ConformanceProfiles = append(o.ConformanceProfiles, suite.ConformanceProfileName(p))
	}
	for _, f := range r.Features {
		o.SupportedFeatures = append(o.SupportedFeatures, features.FeatureName(f))
	}
	for test := range r.Skipped {
		o.SkipTests = append(o.SkipTests, test)
	}
}

func addresses(values []string) []gatewayv1.GatewaySpecAddress {
	var out []gatewayv1.GatewaySpecAddress
	for _, v := range values {
		out = append(out, gatewayv1.GatewaySpecAddress{Type: new(gatewayv1.IPAddressType), Value: v})
	}
	return out
}

// webSockets dials load balancers by their names.
type webSockets struct{ reach curl.Endpoints }

// Dial implements the suite's dialer.
func (w webSockets) Dial(address, protocol, origin string) (*websocket.Conn, error) {
	c, err := websocket.NewConfig(address, origin)
	if err != nil {
		return nil, err
	}
	if protocol != "" {
		c.Protocol = []string{protocol}
	}
	host := c.Location.Host
	if c.Location.Port() == "" {
		host = net.JoinHostPort(c.Location.Hostname(), "80")
	}
	if c.Location.Scheme != "ws" {
		return nil, fmt.Errorf("dial %s: only ws is known", (&url.URL{Scheme: c.Location.Scheme, Host: host}).String())
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := w.reach.Dial(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	return websocket.NewClient(c, conn)
}
