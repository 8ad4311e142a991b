# SPDX-License-Identifier: Apache-2.0
"""A module for Unbound: names under blocked.test do not exist, and the log says why.

    server:
        module-config: "python iterator"
    python:
        python-script: "/etc/unbound/unbound.py"

and in a tap, extra "{/policy/name}". Without dnstapshim it is the same module.
"""

import ctypes

BLOCKED = "blocked.test."
NOTE = getattr(ctypes.CDLL(None), "dnstapshim_note", lambda *_: None)


def init(id, cfg):
    return True


def deinit(id):
    return True


def inform_super(id, qstate, superqstate, qdata):
    return True


def operate(id, event, qstate, qdata):
    if event in (MODULE_EVENT_NEW, MODULE_EVENT_PASS):
        name = qstate.qinfo.qname_str.lower()
        if name != BLOCKED and not name.endswith("." + BLOCKED):
            qstate.ext_state[id] = MODULE_WAIT_MODULE
            return True
        qstate.return_rcode = RCODE_NXDOMAIN
        # This thread's next message is the response.
        NOTE(-1, b"policy/name", b"blocked")
    elif event != MODULE_EVENT_MODDONE:
        qstate.ext_state[id] = MODULE_ERROR
        return True
    qstate.ext_state[id] = MODULE_FINISHED
    return True
