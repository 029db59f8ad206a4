package standin

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
)

// tcpWelcome is the first line of a conversation with the image's TCP server.
const tcpWelcome = "Gateway API Test TCP Server\n"

// pod is how the image's TCP and UDP servers describe themselves.
type pod struct {
	Namespace string `json:"namespace"`
	Ingress   string `json:"ingress"`
	Service   string `json:"service"`
	Pod       string `json:"pod"`
}

func (e EchoBasic) pod() pod {
	return pod{Namespace: e.Namespace, Ingress: e.Ingress, Service: e.Service, Pod: e.Pod}
}

// ServeTCP speaks the image's line protocol: after a line of welcome, PING is answered with PONG, IS_TLS with true or
// false and TEST with JSON about the server and the connection.
func (e EchoBasic) ServeTCP(l net.Listener, config *tls.Config) Server {
	return serveConnections(l, func(c net.Conn) {
		if config != nil {
			c = tls.Server(c, config)
		}
		e.converse(c)
	})
}

func (e EchoBasic) converse(c net.Conn) {
	description := struct {
		pod
		TCPPort string     `json:"tcpport"`
		TLSPort string     `json:"tlsport,omitempty"`
		IsTLS   bool       `json:"isTLS"`
		TLS     *TLSAnswer `json:"tls,omitempty"`
	}{pod: e.pod(), TCPPort: e.Port, TLSPort: e.TLSPort}
	if secure, ok := c.(*tls.Conn); ok {
		if secure.Handshake() != nil {
			return
		}
		state := secure.ConnectionState()
		description.IsTLS, description.TLS = true, tlsAnswer(&state)
		description.TLS.Version, description.TLS.PeerCertificates = tls.VersionName(state.Version), nil
	}
	test, err := json.Marshal(description)
	if err != nil { // strings always encode
		return
	}
	if _, err := io.WriteString(c, tcpWelcome); err != nil {
		return
	}
	for lines := bufio.NewScanner(c); lines.Scan(); {
		switch lines.Text() {
		case "TEST":
			_, err = fmt.Fprintf(c, "%s\n", test)
		case "IS_TLS":
			_, err = fmt.Fprintf(c, "%t\n", description.IsTLS)
		case "PING":
			_, err = io.WriteString(c, "PONG\n")
		}
		if err != nil {
			return
		}
	}
}

// maxDatagram is how much of a datagram the image's UDP server reads.
const maxDatagram = 1024

// ServeUDP answers each datagram with JSON that holds it and describes the server.
func (e EchoBasic) ServeUDP(c net.PacketConn) Server {
	return serveDatagrams(c, func(datagram []byte) []byte {
		answer, err := json.Marshal(struct {
			Request string `json:"request"`
			pod
		}{string(datagram[:min(len(datagram), maxDatagram)]), e.pod()})
		if err != nil { // strings always encode
			return nil
		}
		return answer
	})
}

// ServeDNS answers each DNS question over UDP with no record: some pods are name servers that only have to answer.
func ServeDNS(c net.PacketConn) Server {
	const header, response = 12, 0x80
	return serveDatagrams(c, func(question []byte) []byte {
		if len(question) < header {
			return nil
		}
		question[2] |= response
		return question
	})
}
