--
-- PostgreSQL database dump
--

\restrict EP10n29O0XOQ2hePEE1mme1JIQA1h7562XLcPvxhCyUrVQ9VE5ESbyKn8ZaBtRh

-- Dumped from database version 15.20 (Debian 15.20-0+deb12u1)
-- Dumped by pg_dump version 15.20 (Debian 15.20-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: dumped_orders_id_seq; Type: SEQUENCE; Schema: public; Owner: postgres
--

CREATE SEQUENCE public.dumped_orders_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE public.dumped_orders_id_seq OWNER TO postgres;

--
-- Name: dumped_tickets; Type: SEQUENCE; Schema: public; Owner: postgres
--

CREATE SEQUENCE public.dumped_tickets
    START WITH 10
    INCREMENT BY 10
    MINVALUE 10
    MAXVALUE 100000
    CACHE 20
    CYCLE;


ALTER TABLE public.dumped_tickets OWNER TO postgres;

--
-- Name: dumped_orders_id_seq; Type: SEQUENCE SET; Schema: public; Owner: postgres
--

SELECT pg_catalog.setval('public.dumped_orders_id_seq', 4711, true);


--
-- Name: dumped_tickets; Type: SEQUENCE SET; Schema: public; Owner: postgres
--

SELECT pg_catalog.setval('public.dumped_tickets', 20, false);


--
-- PostgreSQL database dump complete
--

\unrestrict EP10n29O0XOQ2hePEE1mme1JIQA1h7562XLcPvxhCyUrVQ9VE5ESbyKn8ZaBtRh

