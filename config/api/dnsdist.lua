-- SPDX-License-Identifier: Apache-2.0
--
-- For dnsdist's configuration: names under blocked.test do not exist, what comes from
-- the backend is marked as that, and the log says which is which. In a tap,
-- extra "{/policy/name}".

local ffi = require("ffi")

ffi.cdef [[ int dnstapshim_note(int fd, const char *key, const char *value); ]]

local there, note = pcall(function() return ffi.C.dnstapshim_note end)

local function mark(name)
	if there then
		note(-1, "policy/name", name)
	end
end

addAction("blocked.test.", LuaAction(function(query)
	mark("blocked")
	return DNSAction.Nxdomain, ""
end))

addResponseAction(AllRule(), LuaResponseAction(function(response)
	mark("passed")
	return DNSResponseAction.None, ""
end))
