package curl

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Options are the flags of curl that are understood.
type Options struct {
	Headers   []string
	Insecure  bool
	Include   bool
	Head      bool
	Verbose   bool
	Method    string
	Data      []string
	Resolve   []string // HOST:PORT:ADDRESS, where ADDRESS may be the DNS name of a load balancer
	ConnectTo []string // HOST1:PORT1:HOST2:PORT2
	CACert    string
	Fail      bool
	Silent    bool
	Follow    bool
	Output    string
	WriteOut  string
	MaxTime   float64 // seconds
	HTTP11    bool
	HTTP2     bool
	UserAgent string
}

// AddFlags registers the flags under curl's names.
func (o *Options) AddFlags(f *pflag.FlagSet) {
	f.StringArrayVarP(&o.Headers, "header", "H", nil, "add or replace a header, such as 'Host: shop.example.com'")
	f.BoolVarP(&o.Insecure, "insecure", "k", false, "do not verify the certificate")
	f.BoolVarP(&o.Include, "include", "i", false, "print status line and headers before the body")
	f.BoolVarP(&o.Head, "head", "I", false, "send HEAD and print the headers")
	f.BoolVarP(&o.Verbose, "verbose", "v", false, "print what is sent and received to standard error")
	f.StringVarP(&o.Method, "request", "X", "", "method (default GET, with -d POST)")
	f.StringArrayVarP(&o.Data, "data", "d", nil, "request body; @FILE reads it from a file; several are joined by &")
	f.StringArrayVar(&o.Resolve, "resolve", nil, "HOST:PORT:ADDRESS: connect to ADDRESS for HOST:PORT; here also the "+
		"DNS name of a load balancer")
	f.StringArrayVar(&o.ConnectTo, "connect-to", nil,
		"HOST1:PORT1:HOST2:PORT2: connect to HOST2:PORT2 for HOST1:PORT1; empty parts match any or keep")
	f.StringVar(&o.CACert, "cacert", "", "PEM file of additional certificate authorities (the simulator's is trusted)")
	f.BoolVarP(&o.Fail, "fail", "f", false, "exit with status 22 and print no body if the response status is "+
		"400 or higher")
	f.BoolVarP(&o.Silent, "silent", "s", false, "print no error messages")
	f.BoolVarP(&o.Follow, "location", "L", false, "follow redirects")
	f.StringVarP(&o.Output, "output", "o", "", "write the body to this file")
	f.StringVarP(&o.WriteOut, "write-out", "w", "",
		`print this at the end, with %{http_code}, %{remote_ip}, %{time_total} and \n`)
	f.Float64VarP(&o.MaxTime, "max-time", "m", 0, "give up after this many seconds (0: never)")
	f.BoolVar(&o.HTTP11, "http1.1", false, "use HTTP/1.1 on TLS too")
	f.BoolVar(&o.HTTP2, "http2", false, "use HTTP/2 where TLS negotiates it (the default)")
	f.StringVarP(&o.UserAgent, "user-agent", "A", "playground-curl", "User-Agent header")
}

func (o *Options) timeout() time.Duration { return time.Duration(o.MaxTime * float64(time.Second)) }

// rule sends connections for one host and port elsewhere; empty parts match any or keep the original.
type rule struct{ fromHost, fromPort, toHost, toPort string }

func (o *Options) redirections() ([]rule, error) {
	var rules []rule
	for _, s := range o.Resolve {
		parts := strings.SplitN(s, ":", 3)
		if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
			return nil, fmt.Errorf("--resolve %q is not HOST:PORT:ADDRESS", s)
		}
		host := parts[0]
		if host == "*" {
			host = ""
		}
		rules = append(rules, rule{host, parts[1], strings.Trim(parts[2], "[]"), ""})
	}
	for _, s := range o.ConnectTo {
		parts := strings.SplitN(s, ":", 4)
		if len(parts) != 4 {
			return nil, fmt.Errorf("--connect-to %q is not HOST1:PORT1:HOST2:PORT2", s)
		}
		rules = append(rules, rule{parts[0], parts[1], parts[2], parts[3]})
	}
	return rules, nil
}

// redirect applies the first rule that matches.
func redirect(rules []rule, address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	for _, r := range rules {
		if r.fromHost != "" && !strings.EqualFold(r.fromHost, host) || r.fromPort != "" && r.fromPort != port {
			continue
		}
		if r.toHost != "" {
			host = r.toHost
		}
		if r.toPort != "" {
			port = r.toPort
		}
		return net.JoinHostPort(host, port)
	}
	return address
}
