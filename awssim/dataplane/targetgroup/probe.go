package targetgroup

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/handshake"
	"github.com/k8s-lbc/lbc/awssim/vnet"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// healthUserAgent is what targets see in checks.
const healthUserAgent = "ELB-HealthChecker/2.0"

// probe is one health check by one node of the load balancer, which checks the target at an address and port.
type probe struct {
	subject
	network *vnet.Network
	node    netip.Addr
	at      netip.AddrPort
}

// send does the check within ctx.
func (p probe) send(ctx context.Context) verdict {
	hc := p.config.HealthCheck
	if !p.user.Permits("tcp", p.at) {
		return verdict{reason: reasonTimeout, description: "Request timed out"}
	}
	switch protocol := cmp.Or(hc.Protocol, p.config.Protocol); protocol {
	case "HTTP", "HTTPS":
		code, grpc, err := p.request(ctx, protocol == "HTTPS")
		if err != nil {
			return failure(err)
		}
		if grpc {
			if !matches(cmp.Or(hc.Matcher, "12"), code) {
				return mismatch(code)
			}
			return verdict{status: code}
		}
		byDefault := "200"
		if p.user.Network {
			byDefault = "200-399"
		}
		if !matches(cmp.Or(hc.Matcher, byDefault), code) {
			return mismatch(code)
		}
		return verdict{status: code}
	default:
		c, err := p.dial(ctx, "", "")
		if err != nil {
			return failure(err)
		}
		_ = c.Close()
		return verdict{}
	}
}

// dial connects to the target, wherever a caller wants to go. Targets that expect a PROXY protocol header get one of
// the load balancer's own.
func (p probe) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	c, err := p.network.DialTCP(ctx, p.node, p.at)
	if err != nil || !p.user.Network || !p.config.Settings.ProxyProtocol {
		return c, err
	}
	if _, err := c.Write(flow.LocalProxyHeader()); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// checkTLS is how checks speak TLS; those of NLBs do not offer TLS 1.3.
func (u *User) checkTLS() *tls.Config {
	c := handshake.TargetConfig()
	if u.Network {
		c.MaxVersion = tls.VersionTLS12
	}
	return c
}

// checkPort is where a target is checked.
func (g *Config) checkPort(t *Target) netip.AddrPort {
	at := t.AddrPort()
	if port, err := strconv.ParseUint(g.HealthCheck.Port, 10, 16); err == nil && g.HealthCheck.Port != stack.TrafficPort {
		at = netip.AddrPortFrom(at.Addr(), uint16(port))
	}
	return at
}

func mismatch(code int) verdict {
	return verdict{reason: reasonMismatch, description: fmt.Sprintf("Health checks failed with these codes: [%d]", code),
		status: code}
}

func failure(err error) verdict {
	var timeout net.Error
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) &&
		timeout.Timeout() {
		return verdict{reason: reasonTimeout, description: "Request timed out"}
	}
	return verdict{reason: reasonFailed, description: "Health checks failed"}
}

// request sends the check's request and returns the status: that of gRPC for a gRPC group.
func (p probe) request(ctx context.Context, secure bool) (code int, grpc bool, err error) {
	scheme, port := "http", uint16(80)
	if secure {
		scheme, port = "https", 443
	}
	host, group := p.at.Addr().String(), p.config
	if p.at.Addr().Is6() {
		host = "[" + host + "]"
	}
	switch {
	case p.user.Network: // names itself
		host = netip.AddrPortFrom(p.node, uint16(p.user.port)).String()
	case p.at.Port() != port:
		host = p.at.String()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+p.at.String()+
		cmp.Or(group.HealthCheck.Path, "/"), nil)
	if err != nil {
		return 0, false, err
	}
	req.Host = host
	req.Header.Set("User-Agent", healthUserAgent)
	switch group.ProtocolVersion {
	case "HTTP2", "GRPC":
		return p.requestHTTP2(req)
	}
	code, err = p.requestHTTP1(req, secure)
	return code, false, err
}

func (p probe) requestHTTP1(req *http.Request, secure bool) (int, error) {
	ctx := req.Context()
	c, err := p.dial(ctx, "tcp", "")
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(deadline)
	}
	if secure {
		c = tls.Client(c, p.user.checkTLS())
	}
	req.Header.Set("Connection", "close")
	req.Header.Set("Accept-Encoding", "gzip, compressed")
	if err := req.Write(c); err != nil {
		return 0, err
	}
	res, err := http.ReadResponse(bufio.NewReader(c), req)
	if err != nil {
		return 0, err
	}
	_ = res.Body.Close()
	return res.StatusCode, nil
}

func (p probe) requestHTTP2(req *http.Request) (code int, grpc bool, err error) {
	grpc = p.config.ProtocolVersion == "GRPC"
	tr := &http.Transport{DialContext: p.dial, TLSClientConfig: handshake.TargetConfig(), Protocols: handshake.HTTP2Only()}
	defer tr.CloseIdleConnections()
	if grpc {
		req.Method = http.MethodPost
		req.URL.Path = cmp.Or(p.config.HealthCheck.Path, "/AWS.ALB/healthcheck")
		req.Header.Set("Content-Type", "application/grpc")
		req.Header.Set("Te", "trailers")
		req.Body = io.NopCloser(bytes.NewReader(make([]byte, 5))) // an empty message
	}
	res, err := tr.RoundTrip(req)
	if err != nil {
		return 0, false, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if !grpc {
		return res.StatusCode, false, nil
	}
	if err != nil {
		return 0, true, err
	}
	status := cmp.Or(res.Trailer.Get("Grpc-Status"), res.Header.Get("Grpc-Status"))
	if code, err = strconv.Atoi(status); err != nil {
		return 0, true, fmt.Errorf("the target answered without a gRPC status (HTTP %d)", res.StatusCode)
	}
	return code, true, nil
}

// matches reports whether a code is in a matcher such as "200", "200,204" or "200-299,404".
func matches(matcher string, code int) bool {
	for part := range strings.SplitSeq(matcher, ",") {
		low, high, isRange := strings.Cut(strings.TrimSpace(part), "-")
		from, err := strconv.Atoi(low)
		if err != nil {
			continue
		}
		to := from
		if isRange {
			if to, err = strconv.Atoi(high); err != nil {
				continue
			}
		}
		if from <= code && code <= to {
			return true
		}
	}
	return false
}
