// Made from the OpenAPI document by `npm run generate`. Do not change it here.

import type { components } from './api-schemas.js'

export interface paths {
    "/v1/test/persons": {
        /** Echo persons of your application */
        get: {
            responses: {
                /** @description The persons. */
                200: {
                    content: {
                        "application/json": {
                            persons: {
                                /** @description Pseudonym of a person for your application. */
                                puid: string;
                                name: string;
                                /** @enum {string} */
                                behaviour: "accept" | "dismiss" | "ignore";
                                /** @enum {string} */
                                presence: "online" | "away" | "unavailable" | "offline";
                                message: string;
                            }[];
                        };
                    };
                };
            };
        };
    };
    "/v1/test/persons/{puid}": {
        /** Steer an echo person */
        post: {
            parameters: {
                path: {
                    /** @description Pseudonym of a person for your application. */
                    puid: string;
                };
            };
            requestBody: {
                content: {
                    "application/json": {
                        /** @enum {string} */
                        behaviour?: "accept" | "dismiss" | "ignore";
                        /** @enum {string} */
                        presence?: "online" | "away" | "unavailable" | "offline";
                        /** @description Status message. */
                        message?: string;
                        /** @enum {string} */
                        consent?: "given" | "revoked" | "revoked-and-told";
                    };
                };
            };
            responses: {
                /** @description The person. */
                200: {
                    content: {
                        "application/json": {
                            /** @description Pseudonym of a person for your application. */
                            puid: string;
                            name: string;
                            /** @enum {string} */
                            behaviour: "accept" | "dismiss" | "ignore";
                            /** @enum {string} */
                            presence: "online" | "away" | "unavailable" | "offline";
                            message: string;
                        };
                    };
                };
            };
        };
    };
    "/v1/presence/{puid}": {
        /** Presence of one person */
        get: {
            parameters: {
                path: {
                    /** @description Pseudonym of a person for your application. */
                    puid: string;
                };
            };
            responses: {
                /** @description The person as your application sees them. */
                200: {
                    content: {
                        "application/json": components["schemas"]["Presence"];
                    };
                };
            };
        };
    };
    "/v1/presence/query": {
        /** Presence of many people */
        post: {
            requestBody: {
                content: {
                    "application/json": {
                        puids: string[];
                    };
                };
            };
            responses: {
                /** @description One entry for each PUID. */
                200: {
                    content: {
                        "application/json": {
                            persons: (components["schemas"]["Presence"] | components["schemas"]["UnknownPuid"])[];
                        };
                    };
                };
            };
        };
    };
    "/v1/rings": {
        /** Ring a person or a pool */
        post: {
            parameters: {
                header?: {
                    /** @description Any text of yours, one for each ring. */
                    "idempotency-key"?: string;
                };
            };
            requestBody: {
                content: {
                    "application/json": {
                        /** @description Whom to ring: all devices of one person, or a pool, where the first to accept stops the others. In place of a PUID, the device handle of an accept rings that device alone. */
                        to: string | string[];
                        /** @description Shown at once. */
                        title: string;
                        /** @description Shown below the title. */
                        body?: string;
                        /** @description Absolute URL that accepting opens. */
                        url?: string;
                        /** @description Opaque to the server, base64url without padding; encrypt it end to end (RFC 8291). */
                        payload?: string;
                        /**
                         * @description After this the ring is missed.
                         * @default 30
                         */
                        deadlineSeconds?: number;
                        /**
                         * @description How a pool is rung: `all` at once, or in `sequence`, one after another in the order of `to`. Who declines or cannot be reached is passed over at once.
                         * @default all
                         * @enum {string}
                         */
                        strategy?: "all" | "sequence";
                        /** @description With `sequence`: how long each is rung, while there is somebody else who could be; 20 by default. */
                        stepSeconds?: number;
                        /** @description Takes the place of an open ring of yours to the same person with the same key (compare Topic in RFC 8030): that one is withdrawn with reason `replaced`. */
                        collapseKey?: string;
                    };
                };
            };
            responses: {
                /** @description The ring of an earlier request with this idempotency key. */
                200: {
                    content: {
                        "application/json": components["schemas"]["Ring"];
                    };
                };
                /** @description The ring was accepted. */
                201: {
                    content: {
                        "application/json": components["schemas"]["Ring"];
                    };
                };
            };
        };
    };
    "/v1/rings/{id}": {
        /** State of a ring, or its outcome */
        get: {
            parameters: {
                query?: {
                    /** @description How long to wait for the outcome. */
                    waitSeconds?: number;
                };
                path: {
                    /** @description Id of the ring. */
                    id: string;
                };
            };
            responses: {
                /** @description The ring. */
                200: {
                    content: {
                        "application/json": components["schemas"]["Ring"];
                    };
                };
            };
        };
        /** Withdraw a ring */
        delete: {
            parameters: {
                path: {
                    /** @description Id of the ring. */
                    id: string;
                };
            };
            responses: {
                /** @description The ring, withdrawn. */
                200: {
                    content: {
                        "application/json": components["schemas"]["Ring"];
                    };
                };
            };
        };
    };
    "/v1/webhook": {
        /** Where and how your application is told */
        get: {
            responses: {
                /** @description The webhook. */
                200: {
                    content: {
                        "application/json": components["schemas"]["Webhook"];
                    };
                };
            };
        };
        /** Set where and how your application is told */
        put: {
            requestBody: {
                content: {
                    "application/json": {
                        /**
                         * Format: uri
                         * @description Your endpoint; null: nothing is sent, and only the damping counts, for streams.
                         */
                        url: string | null;
                        /** @description `presence.changed` brings `presence.restarted` and `presence.reset` along. */
                        events?: ("presence.changed" | "ring.changed" | "ring.ended")[];
                        /**
                         * @description A state is told when it has held so long, by webhook and stream.
                         * @default 0
                         */
                        minHoldMs?: number;
                        /**
                         * @description A person's changes are told so far apart at least, the latest of them, by webhook and stream.
                         * @default 0
                         */
                        coalesceMs?: number;
                        /** @description What happens is kept for two days, and sent when you go on. */
                        paused?: boolean;
                    };
                };
            };
            responses: {
                /** @description The webhook. */
                200: {
                    content: {
                        "application/json": components["schemas"]["Webhook"];
                    };
                };
            };
        };
        /** Tell your application nothing more */
        delete: {
            responses: {
                /** @description It is removed. */
                200: {
                    content: {
                        "application/json": {
                            /** @enum {boolean} */
                            removed: true;
                        };
                    };
                };
            };
        };
    };
    "/v1/webhook/secret": {
        /** Make a new signing secret */
        post: {
            responses: {
                /** @description The webhook with its new secret. */
                200: {
                    content: {
                        "application/json": components["schemas"]["Webhook"];
                    };
                };
            };
        };
    };
    "/v1/webhook/test": {
        /** Send a signed test event */
        post: {
            responses: {
                /** @description What came of it. */
                200: {
                    content: {
                        "application/json": components["schemas"]["Delivery"];
                    };
                };
            };
        };
    };
    "/v1/webhook/deliveries": {
        /** What was sent lately */
        get: {
            responses: {
                /** @description The deliveries. */
                200: {
                    content: {
                        "application/json": {
                            deliveries: components["schemas"]["Delivery"][];
                        };
                    };
                };
            };
        };
    };
    "/v1/webhook/deliveries/{id}/replay": {
        /** Send again what a delivery told */
        post: {
            parameters: {
                path: {
                    /** @description Id of the delivery. */
                    id: string;
                };
            };
            responses: {
                /** @description The new delivery; read the list for what came of it. */
                200: {
                    content: {
                        "application/json": components["schemas"]["Delivery"];
                    };
                };
            };
        };
    };
}
