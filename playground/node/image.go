package node

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/awssim/vnet"
	"github.com/k8s-lbc/lbc/playground/standin"
)

// Images whose programs are known: the part of their names that registries and mirrors share.
const (
	echoBasicImage    = "gateway-api/conformance/echo-basic"
	oldEchoBasicImage = "gateway-api/echo-basic" // until v1.6 of the Gateway API
	coreDNSImage      = "coredns/coredns"
)

// imagePort is a port that the program of an image serves, declared or not.
type imagePort struct {
	endpoint
	start func(network *vnet.Network, addr netip.Addr) (standin.Server, error)
}

// isImage reports whether a container's image has that name, in any registry and version.
func isImage(c corev1.Container, name string) bool {
	image, _, _ := strings.Cut(c.Image, "@")
	// the colon of a registry's port is before a slash
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		image = image[:i]
	}
	return image == name || strings.HasSuffix(image, "/"+name)
}

// isEchoBasic reports whether a container has the image of the Gateway API's conformance tests.
func isEchoBasic(c corev1.Container) bool {
	return isImage(c, echoBasicImage) || isImage(c, oldEchoBasicImage)
}

// ofImage lists what the container's image serves; none if the image is not known.
func ofImage(pod *corev1.Pod, c corev1.Container, id standin.Identity, files mounted) []imagePort {
	switch {
	case isImage(c, coreDNSImage):
		return []imagePort{packets(dnsPort, standin.ServeDNS)}
	case isEchoBasic(c):
		return echoBasic(pod, c, id, files)
	}
	return nil
}

const dnsPort = 53

// echoBasic lists the ports of the Gateway API's conformance image, which its environment variables choose.
func echoBasic(pod *corev1.Pod, c corev1.Container, id standin.Identity, files mounted) []imagePort {
	get := func(name string) string { return env(pod, c, name) }
	port := func(name string, usual uint16) uint16 {
		if n, err := strconv.ParseUint(get(name), 10, 16); err == nil && n > 0 {
			return uint16(n)
		}
		return usual
	}
	e := standin.EchoBasic{Identity: id, Ingress: get("INGRESS_NAME")}
	// The program knows its pod only from its environment; a pod that does not name itself is known here all the same.
	e.Pod, e.Namespace = cmp.Or(get("POD_NAME"), id.Pod), cmp.Or(get("NAMESPACE"), id.Namespace)
	is := func(name string) bool { return get(name) != "" }
	const plain, h2c, secure, datagrams = 3000, 3001, 8443, 8080
	switch {
	case is("UDP_ECHO_SERVER") && !is("TCP_ECHO_SERVER") && !is("GRPC_ECHO_SERVER"):
		return []imagePort{packets(port("UDP_PORT", datagrams), e.ServeUDP)}
	case is("TCP_ECHO_SERVER") && !is("GRPC_ECHO_SERVER"):
		config, err := files.tlsConfig(get("TLS_SERVER_CERT"), get("TLS_SERVER_PRIV_KEY"), "")
		tcp, tls := port("TCP_PORT", plain), port("TLS_PORT", secure)
		e.Port, e.TLSPort = strconv.Itoa(int(tcp)), strconv.Itoa(int(tls))
		return append([]imagePort{stream(tcp, func(l net.Listener) standin.Server { return e.ServeTCP(l, nil) })},
			securely(tls, config, err, func(l net.Listener) standin.Server { return e.ServeTCP(l, config) })...)
	}
	key := "TLS_SERVER_PRIVKEY"
	if is("GRPC_ECHO_SERVER") {
		key = "TLS_SERVER_PRIV_KEY"
	}
	config, err := files.tlsConfig(get("TLS_SERVER_CERT"), get(key), get("TLS_CLIENT_CACERTS"))
	http := port("HTTP_PORT", plain)
	e.Port = strconv.Itoa(int(http))
	ports := []imagePort{stream(http, func(l net.Listener) standin.Server { return e.ServeHTTP(l, nil) })}
	if !is("GRPC_ECHO_SERVER") {
		ports = append(ports, stream(port("H2C_PORT", h2c), func(l net.Listener) standin.Server { return e.ServeH2C(l) }))
	}
	return append(ports, securely(port("HTTPS_PORT", secure), config, err, func(l net.Listener) standin.Server {
		return e.ServeHTTP(l, config)
	})...)
}

// packets is a UDP port.
func packets(port uint16, serve func(net.PacketConn) standin.Server) imagePort {
	return imagePort{endpoint{port, true}, func(network *vnet.Network, addr netip.Addr) (standin.Server, error) {
		c, err := network.ListenUDP(addr, port)
		if err != nil {
			return nil, err
		}
		return serve(c), nil
	}}
}

// stream is a TCP port.
func stream(port uint16, serve func(net.Listener) standin.Server) imagePort {
	return imagePort{endpoint{port, false}, func(network *vnet.Network, addr netip.Addr) (standin.Server, error) {
		l, err := network.ListenTCP(addr, port)
		if err != nil {
			return nil, err
		}
		return serve(l), nil
	}}
}

// securely is a TCP port with TLS; none without a certificate. A certificate that cannot be used is reported when the
// port starts.
func securely(port uint16, config *tls.Config, problem error, serve func(net.Listener) standin.Server) []imagePort {
	switch {
	case problem != nil:
		return []imagePort{{endpoint{port, false}, func(*vnet.Network, netip.Addr) (standin.Server, error) {
			return nil, problem
		}}}
	case config == nil:
		return nil
	}
	return []imagePort{stream(port, serve)}
}

// tlsConfig reads files, by their paths; nil without a certificate or its key. Clients may show a certificate if
// there are CAs.
func (m mounted) tlsConfig(certificate, key, clientCAs string) (*tls.Config, error) {
	if certificate == "" || key == "" {
		return nil, nil
	}
	pair, err := tls.X509KeyPair(m[certificate], m[key])
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", certificate, key, err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if clientCAs != "" {
		config.ClientCAs, config.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
		if !config.ClientCAs.AppendCertsFromPEM(m[clientCAs]) {
			return nil, fmt.Errorf("%s has no certificate", clientCAs)
		}
	}
	return config, nil
}
